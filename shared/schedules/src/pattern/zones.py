"""When patterns fire where clocks are changed, by the arithmetic of Python's `zoneinfo` and nothing of ours.

    PYTHONTZPATH=FOLDER python3 zones.py FIRST_YEAR LAST_YEAR PATTERNS < names-of-zones

prints for each window, some hours around a change of a zone's clock or of an ordinary day, and each of some patterns what it
names there: a line `zone<TAB>pattern<TAB>from<TAB>until<TAB>times`, the times in minutes since 1970.
"""

import random
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR, PATTERNS = (int(argument) for argument in sys.argv[1:])
AROUND = 4 * 60  # minutes
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
RANDOM = random.Random(20260101)


def field(least: int, most: int, any_of: float) -> str:
    """A field of a pattern."""
    if RANDOM.random() < any_of:
        return RANDOM.choice(["*", "*", "*/2", "*/3"] if most > 12 else ["*"])
    one = lambda: RANDOM.randint(least, most)
    low, high = sorted((one(), one()))
    return RANDOM.choice([str(one()), f"{one()},{one()}", f"{low}-{high}", f"{low}-{high}/{RANDOM.randint(2, 5)}"])


def patterns() -> list[str]:
    """Two hundred, most of them about the hours in which clocks are changed."""
    made = []
    while len(made) < 200:
        minute = RANDOM.choice(["0", "30", "15,45", "59", "*/10", "*", field(0, 59, 0)])
        hour = RANDOM.choice(["0", "1", "2", "3", "1,2", "0-3", "2-4/2", "23", "*", "*/2", field(0, 23, 0.2)])
        day, month = field(1, 31, 0.7), field(1, 12, 0.8)
        weekday = RANDOM.choice(["*", "*", "*", "0", "7", "SUN", "MON-FRI", "6,0", "*/2"])
        made.append(f"{minute} {hour} {day} {month} {weekday}")
    return made


def members(text: str, least: int, most: int) -> set[int]:
    """What a field names."""
    for number, name in enumerate(DAYS):
        text = text.replace(name, str(number))
    named = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        low, high = (least, most) if span == "*" else (int(low), int(high or low))
        named |= set(range(low, high + 1, int(step or 1)))
    return named


class Pattern:
    def __init__(self, text: str):
        self.text = text
        minute, hour, day, month, weekday = text.split()
        self.minutes, self.hours = members(minute, 0, 59), members(hour, 0, 23)
        self.days, self.months = members(day, 1, 31), members(month, 1, 12)
        self.weekdays = {number % 7 for number in members(weekday, 0, 7 if "*" not in weekday else 6)}
        self.both = day.startswith("*") or weekday.startswith("*")
        self.follows = minute.startswith("*") or hour.startswith("*")

    def names(self, shown: datetime) -> bool:
        if shown.minute not in self.minutes or shown.hour not in self.hours or shown.month not in self.months:
            return False
        by_day, by_weekday = shown.day in self.days, shown.isoweekday() % 7 in self.weekdays
        return by_day and by_weekday if self.both else by_day or by_weekday


def changes(zone: ZoneInfo) -> list[datetime]:
    """The first minute after each change of its clock."""
    at, end, found = datetime(FIRST_YEAR, 1, 1, tzinfo=timezone.utc), datetime(LAST_YEAR + 1, 1, 1, tzinfo=timezone.utc), []
    offset = lambda at: at.astimezone(zone).utcoffset()
    while at < end:
        then = at + timedelta(hours=6)
        if offset(at) != offset(then):
            low, high = 0, 360
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(at + timedelta(minutes=middle)) == offset(at) else (low, middle)
            found.append(at + timedelta(minutes=high))
        at = then
    return found


def windows(zone: ZoneInfo):
    """Some hours around each change, and of a day in each year."""
    changed = changes(zone)
    ordinary = [datetime(year, 5, 20, 12, tzinfo=timezone.utc) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
    for at in changed + ordinary:
        yield at - timedelta(minutes=AROUND), at + timedelta(minutes=AROUND), [it for it in changed if it == at]


def fires(pattern: Pattern, shown: list[datetime], first: int, changed: list[datetime], zone: ZoneInfo) -> list[int]:
    named = {first + n for n, at in enumerate(shown) if pattern.names(at) and (pattern.follows or not at.fold)}
    if not pattern.follows:
        for at in changed:
            before = (at - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None) + timedelta(minutes=1)
            left_out = int((at.astimezone(zone).replace(tzinfo=None) - before).total_seconds()) // 60
            if any(pattern.names(before + timedelta(minutes=n)) for n in range(left_out)):
                named.add(int(at.timestamp()) // 60)
    return sorted(named)


def main():
    every, turn = [Pattern(text) for text in patterns()], 0
    for name in sys.stdin.read().split():
        zone = ZoneInfo(name)
        for begin, end, changed in windows(zone):
            first, count = int(begin.timestamp()) // 60, int((end - begin).total_seconds()) // 60
            shown = [(begin + timedelta(minutes=n)).astimezone(zone) for n in range(count)]
            for _ in range(PATTERNS):
                pattern, turn = every[turn % len(every)], turn + 1
                times = ",".join(map(str, fires(pattern, shown, first, changed, zone)))
                print(name, pattern.text, first, first + count, times, sep="\t")


main()
