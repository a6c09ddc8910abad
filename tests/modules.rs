//! Every module knows only those before it: no import circle, and no arrow up. Each package's `lib.rs` states the order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// The packages that others build on.
const PACKAGES: [&str; 10] = [
    "shared/engine",
    "shared/outbound",
    "shared/models",
    "shared/http",
    "shared/work",
    "shared/schedules",
    "shared/agents",
    "shared/mcp",
    "shared/client",
    "shared/aws",
];

/// What introduces the order in a package's documentation.
const ORDER: &str = "//! Each module knows only those before it: ";

#[test]
fn every_module_knows_only_those_before_it() {
    let mut up = Vec::new();
    for package in PACKAGES {
        let order = order(package);
        let place = |module: &str| order.iter().position(|known| known == module);
        let named = named_at_the_root(package);
        for (module, file) in files(package) {
            let at = place(&module).unwrap_or_else(|| panic!("{package} does not say where `{module}` stands"));
            for path in paths(package, &file) {
                // Either a module, or what one of them is known by at the root.
                let Some(known) = place(&path).or_else(|| place(named.get(&path)?)) else { continue };
                if known > at {
                    up.push(format!("{}: `{module}` knows `{path}`", file.display()));
                }
            }
        }
        let there: BTreeSet<String> = files(package).into_iter().map(|(module, _)| module).collect();
        assert_eq!(order.into_iter().collect::<BTreeSet<_>>(), there, "{package}");
    }
    assert!(up.is_empty(), "{up:#?}");
}

#[test]
fn an_arrow_is_found_however_it_is_written() {
    let source = "use crate::{app::App, store::{self, Task}};\nuse crate::ids;\nfn f() { crate::queue::of() }\n\
        // use crate::no::One;\n#[cfg(test)]\nmod tests {\n    use crate::later::Thing;\n}\n";
    assert_eq!(in_source(source), ["app", "ids", "queue", "store"].map(str::to_owned).into());
}

/// Names that stand twice all the same, and why.
const TWICE: [&str; 0] = [];

#[test]
fn a_types_name_means_one_thing_in_all_packages() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in PACKAGES.into_iter().chain(["shared", "infra/local"]) {
        for (_, file) in files(package).into_iter().filter(|(module, _)| module != "bin") {
            for name in types_in(&read(&file)) {
                places.entry(name).or_default().push(file.display().to_string());
            }
        }
    }
    places.retain(|name, files| files.len() > 1 && !TWICE.contains(&&**name));
    assert!(places.is_empty(), "one meaning for each, please: {places:#?}");
}

#[test]
fn a_types_name_is_found_where_others_may_use_it() {
    let source = "pub struct A<T>(T);\npub(crate) enum B {}\npub(super) struct C;\nstruct D;\npub trait E: Send {}\n\
        #[cfg(test)]\nmod tests {\n    pub struct F;\n}\n";
    assert_eq!(types_in(source), ["A", "B", "E"]);
}

/// The types that a source file makes for more than its own module and those beside it.
fn types_in(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let made = |line: &str| {
        let what = line.strip_prefix("pub ").or(line.strip_prefix("pub(crate) "))?;
        ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| word(what.strip_prefix(kind)?))
    };
    code.lines().filter_map(made).collect()
}

fn source(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package).join("src")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The order of a package's modules, as its `lib.rs` states it.
fn order(package: &str) -> Vec<String> {
    let lib = read(&source(package).join("lib.rs"));
    let start = lib.find(ORDER).unwrap_or_else(|| panic!("{package} states no order"));
    let stated = lib[start + ORDER.len()..].split("\n//!\n").next().unwrap().split("\n\n").next().unwrap();
    stated.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every source file but for tests, with the module that it is, or is in.
fn files(package: &str) -> Vec<(String, PathBuf)> {
    let (mut found, root) = (Vec::new(), source(package));
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|of| of == "rs") && !is_a_test(&stem) && stem != "lib" {
                let inside = path.strip_prefix(&root).unwrap().with_extension("");
                let module = inside.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
                found.push((module, path));
            }
        }
    }
    found
}

fn is_a_test(stem: &str) -> bool {
    ["tests", "table", "test_server", "world"].contains(&stem) || stem.ends_with("_test")
}

/// What a file of `package` names of that, by the first word after `crate::`, or after as many `super::`.
fn paths(package: &str, file: &Path) -> BTreeSet<String> {
    let depth = file.strip_prefix(source(package)).unwrap().components().count();
    in_source(&read(file).replace(&"super::".repeat(depth), "crate::"))
}

fn in_source(source: &str) -> BTreeSet<String> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code: String = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut named = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            None => named.extend(word(after)),
            Some(list) => named.extend(of_list(list)),
        }
    }
    named
}

/// The first words of the items of a list of imports, up to its end.
fn of_list(list: &str) -> Vec<String> {
    let (mut depth, mut starts, mut words) = (0, true, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            c if starts && !c.is_whitespace() => {
                words.extend(word(&list[at..]));
                starts = false;
            }
            _ => {}
        }
    }
    words
}

fn word(text: &str) -> Option<String> {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    Some(word).filter(|word| !word.is_empty())
}

/// What a package names at its root, and the module that it is of.
fn named_at_the_root(package: &str) -> BTreeMap<String, String> {
    let lib = read(&source(package).join("lib.rs"));
    let mut named = BTreeMap::new();
    for line in lib.split(';').filter_map(|item| item.rsplit_once("use ").map(|(_, tree)| tree)) {
        let Some((module, items)) = line.split_once("::") else { continue };
        for item in
            items.trim_matches(['{', '}']).split(',').filter_map(|item| word(item.trim().trim_start_matches('{')))
        {
            named.insert(item, module.to_owned());
        }
    }
    named
}
