//! What the records of a group say of its members, and whether all have ended by that.

use crate::{
    group::{Group, GroupModel, Mark, Member, PART, PARTS, Part, Root, Standing, System},
    wrong::Wrong,
};

impl Root {
    /// Whether nothing more comes of it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.standing, Standing::Done | Standing::Cancelled { swept: true })
    }

    pub(super) fn is_open(&self) -> bool {
        self.standing == Standing::Open
    }

    /// Whether every part is known to be full, and no more members come.
    pub(super) fn is_full(&self) -> bool {
        self.sealed && self.is_open() && (0..parts_of(self.total)).all(|part| self.full[part])
    }
}

/// Parts of so many members.
pub(super) fn parts_of(total: usize) -> usize {
    total.div_ceil(PART).min(PARTS)
}

impl Part {
    /// Whether all of its members are marked. The last part of a group that is not sealed is never full.
    pub(super) fn is_full(&self, model: &GroupModel, number: usize, root: &Root) -> bool {
        let last = number + 1 == parts_of(root.total);
        let size = if last { root.total - number * PART } else { PART };
        if number >= parts_of(root.total) || (last && !root.sealed) {
            return false;
        }
        if model.is(Wrong::Counter) {
            return self.counted >= size;
        }
        self.marks.iter().take(size).all(|mark| matches!(mark, Mark::Ended(_)))
    }

    /// Takes a mark, if it says something newer; whether it did, or was there.
    pub(super) fn take(&mut self, model: &GroupModel, place: usize, redrives: u8) -> bool {
        self.counted += 1;
        let mark = &mut self.marks[place];
        let is_newer = match *mark {
            Mark::None => true,
            Mark::Ended(there) | Mark::TakenBack(there) => redrives > there,
        };
        if is_newer || model.is(Wrong::MarkWithoutRedrives) {
            *mark = Mark::Ended(redrives);
        }
        *mark == Mark::Ended(redrives)
    }

    /// Takes an end back. The drive it was of stays: a late mark of that end is refused.
    pub(super) fn take_back(&mut self, model: &GroupModel, place: usize, redrives: u8) {
        self.marks[place] = if model.is(Wrong::TakenBackUnnumbered) { Mark::None } else { Mark::TakenBack(redrives) };
        self.counted = self.counted.saturating_sub(1);
    }
}

impl Member {
    /// Its `redrives`, if it has ended.
    pub(super) fn ended(self) -> Option<u8> {
        match self {
            Member::Ended(redrives) | Member::Failed(redrives) => Some(redrives),
            Member::None | Member::Live(_) => None,
        }
    }

    pub(super) fn is_live(self) -> bool {
        matches!(self, Member::Live(_))
    }
}

impl Group {
    /// Whether a member lives.
    pub(super) fn lives(&self) -> bool {
        self.members.iter().any(|member| member.is_live())
    }

    /// Whether each member that the root knows of has ended.
    pub(super) fn all_ended(&self) -> bool {
        let total = self.root.map_or(0, |root| root.total);
        self.members.iter().take(total).all(|member| member.ended().is_some())
    }

    /// Whether each part is full, by itself.
    pub(super) fn parts_are_full(&self, model: &GroupModel, root: &Root) -> bool {
        let is_full = |part: usize| self.parts[part].is_some_and(|it| it.is_full(model, part, root));
        root.sealed && (0..parts_of(root.total)).all(is_full)
    }

    /// A part that is full, and not known to be.
    pub(super) fn unnoticed(&self, model: &GroupModel, root: &Root) -> Option<usize> {
        let is_full = |part: &usize| self.parts[*part].is_some_and(|it| it.is_full(model, *part, root));
        (0..parts_of(root.total)).find(|part| !root.full[*part] && is_full(part))
    }

    /// A member that has ended, and whose part does not say so.
    pub(super) fn unmarked(&self, root: &Root) -> Option<(usize, u8)> {
        (0..root.total).find_map(|member| {
            let redrives = self.members[member].ended()?;
            let mark = self.parts[member / PART]?.marks[member % PART];
            (mark != Mark::Ended(redrives)).then_some((member, redrives))
        })
    }
}

impl System {
    /// Writes the root of a group; whoever has read it before holds an old version.
    pub(super) fn write_root(&mut self, group: usize, root: Root) {
        self.groups[group].root = Some(root);
        for actor in self.actors.iter_mut().filter(|actor| actor.group == group) {
            actor.act.go_stale();
        }
    }
}
