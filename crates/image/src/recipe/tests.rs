use super::*;

const GOOD: &str = r#"
name = "NAME"
description = "A daemon."
command = ["/sbin/alias", "--flag"]

[[program]]
path = "/sbin/daemon"
binary = "daemon"

[[file]]
path = "/etc/daemon.conf"
source = "daemon.conf"
mode = "0644"

[[link]]
path = "/sbin/alias"
to = "daemon"

[[directory]]
path = "/var/empty"
mode = "0555"

[label]
capabilities = ["CAP_KILL"]
binds = ["/run/daemon:/run/daemon"]
net = "host"
ipc = "host"
uts = "host"
pid = "new"
readonly = true
noNewPrivileges = true
runtime = { mkdir = ["/run/daemon"] }
"#;

/// A folder of this test, with a recipe; it is removed again.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("orlop-recipe-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let own = path.file_name().unwrap().to_str().unwrap();
        fs::write(path.join(FILE_NAME), text.replace("NAME", own)).unwrap();
        fs::write(path.join("daemon.conf"), "a line\n").unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_recipe_becomes_the_files_it_names_and_every_mount_point() {
    let folder = Folder::with("good", GOOD);
    let recipe = Recipe::read(&folder.0).unwrap();
    let tree = recipe.with_programs(|program| Ok::<_, BadRecipe>(program.binary.clone().into_bytes())).unwrap();
    let directory = |mode| Node::Directory { mode };
    for (path, want) in [
        ("/sbin/daemon", Node::File { mode: 0o755, content: b"daemon".to_vec() }),
        ("/sbin/alias", Node::Link { to: "daemon".into() }),
        ("/etc/daemon.conf", Node::File { mode: 0o644, content: b"a line\n".to_vec() }),
        ("/var/empty", directory(0o555)),
        ("/var", directory(0o755)),
        ("/run/daemon", directory(0o755)),
        ("/proc", directory(0o755)),
        ("/dev", directory(0o755)),
        ("/sys", directory(0o755)),
    ] {
        assert_eq!(tree.at(path), Some(&want), "{path}");
    }
}

#[test]
fn a_bad_recipe_is_refused_with_what_is_wrong() {
    for (what, from, to, want) in [
        ("no TOML", "name = ", "name ", "line 2"),
        ("an unknown key", "description", "descriptoin", "line 3: unknown field `descriptoin`"),
        ("an unknown key of the label", "readonly", "readOnly", "readOnly"),
        ("a label that leaves something to defaults", "uts = \"host\"\n", "", "missing field `uts`"),
        ("another folder's name", "NAME", "other", "its name is other, but its folder is orlop-recipe-"),
        ("a relative path", "\"/etc/daemon.conf\"", "\"etc/daemon.conf\"", "etc/daemon.conf is not a plain absolute"),
        ("a path that climbs", "\"/etc/daemon.conf\"", "\"/etc/../x\"", "/etc/../x is not a plain absolute"),
        ("a path twice", "\"/etc/daemon.conf\"", "\"/sbin/daemon\"", "/sbin/daemon is there twice"),
        ("a source elsewhere", "source = \"daemon.conf\"", "source = \"../Cargo.toml\"", "not a file beside"),
        ("a source that is not there", "source = \"daemon.conf\"", "source = \"gone\"", "gone: No such file"),
        ("a mode for everybody", "\"0644\"", "\"0666\"", "lets others than root write"),
        ("a mode that is decimal", "\"0644\"", "\"644\"", "four octal digits"),
        ("a set-user-ID program", "\"0644\"", "\"4755\"", "four octal digits"),
        ("a link to nothing", "to = \"daemon\"", "to = \"deamon\"", "points to deamon"),
        ("a command that is not there", "/sbin/alias\", ", "/bin/sh\", ", "starts /bin/sh"),
        ("a bad label", "CAP_KILL", "CAP_KILLL", "label: capability CAP_KILLL"),
    ] {
        assert!(GOOD.contains(from), "{what}");
        let folder = Folder::with("bad", &GOOD.replacen(from, to, 1));
        let error = Recipe::read(&folder.0).err().unwrap_or_else(|| panic!("{what}: it was taken")).to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}

#[test]
fn the_error_of_a_recipe_is_problem_cause_and_help() {
    let error = Recipe::load(Path::new("/nonexistent/dhcp")).unwrap_err().to_string();
    assert!(error.starts_with("error: /nonexistent/dhcp/recipe.toml is not a recipe"), "{error}");
    assert!(error.contains("caused by: ") && error.contains("help: "), "{error}");
}
