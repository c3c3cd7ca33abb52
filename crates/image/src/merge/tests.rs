use super::*;
use oci_spec::image::ConfigBuilder;
use std::collections::HashMap;

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap()
}

fn image() -> Config {
    ConfigBuilder::default()
        .entrypoint(vec!["/init".to_owned()])
        .cmd(vec!["-d".to_owned()])
        .env(vec!["A=image".to_owned()])
        .working_dir("/image")
        .user("nobody")
        .build()
        .unwrap()
}

/// What holds, as JSON, with what every container has left out.
fn holds(spec: &str, label: &str) -> serde_json::Value {
    let merged = merge(settings(spec), settings(label), &image());
    serde_json::to_value(merged).unwrap()
}

#[test]
fn the_spec_replaces_the_label_and_the_label_the_image() {
    for (what, spec, label, key, want) in [
        ("nobody says: the image's command", "{}", "{}", "command", r#"["/init","-d"]"#),
        ("the label's command", "{}", r#"{"command":["l"]}"#, "command", r#"["l"]"#),
        ("the spec's command", r#"{"command":["s"]}"#, r#"{"command":["l"]}"#, "command", r#"["s"]"#),
        ("the image's environment", "{}", "{}", "env", r#"["A=image"]"#),
        ("an empty list is said", r#"{"env":[]}"#, r#"{"env":["A=l"]}"#, "env", "[]"),
        ("the image's folder", "{}", "{}", "cwd", r#""/image""#),
        ("an empty text is not said", r#"{"cwd":""}"#, r#"{"cwd":"/l"}"#, "cwd", r#""/l""#),
        ("an empty namespace is not said", r#"{"pid":""}"#, r#"{"pid":"host"}"#, "pid", r#""host""#),
        ("a namespace", r#"{"pid":"new"}"#, r#"{"pid":"host"}"#, "pid", r#""new""#),
        ("false is said", r#"{"readonly":false}"#, r#"{"readonly":true}"#, "readonly", "false"),
        ("what only the label says", "{}", r#"{"readonly":true}"#, "readonly", "true"),
        ("zero is said", r#"{"uid":0}"#, r#"{"uid":7}"#, "uid", "0"),
        ("a map is replaced whole", r#"{"sysctl":{"a":"1"}}"#, r#"{"sysctl":{"b":"2"}}"#, "sysctl", r#"{"a":"1"}"#),
        ("mounts are replaced whole", r#"{"mounts":[]}"#, r#"{"mounts":[{"type":"proc"}]}"#, "mounts", "[]"),
        ("the image's user is ignored", "{}", "{}", "uid", "null"),
    ] {
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        assert_eq!(holds(spec, label)[key], want, "{what}");
    }
}

#[test]
fn what_is_added_in_a_spec_is_added_to_the_labels_list_only() {
    for (what, spec, label, want) in [
        ("added to the label's", r#"{"binds.add":["s"]}"#, r#"{"binds":["l"]}"#, r#"["l","s"]"#),
        ("twice stays twice", r#"{"binds.add":["l"]}"#, r#"{"binds":["l"]}"#, r#"["l","l"]"#),
        ("added to nothing", r#"{"binds.add":["s"]}"#, "{}", r#"["s"]"#),
        ("lost beside a plain list", r#"{"binds":["p"],"binds.add":["s"]}"#, r#"{"binds":["l"]}"#, r#"["p"]"#),
        ("an empty plain list clears", r#"{"binds":[]}"#, r#"{"binds":["l"]}"#, "[]"),
        ("what a label adds is ignored", "{}", r#"{"binds":["l"],"binds.add":["x"]}"#, r#"["l"]"#),
        ("only added by the label", "{}", r#"{"binds.add":["x"]}"#, "null"),
    ] {
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        for (plain, add) in [("binds", "binds.add"), ("capabilities", "capabilities.add")] {
            let renamed = |text: &str| text.replace("binds.add", add).replace("\"binds\"", &format!("\"{plain}\""));
            let held = holds(&renamed(spec), &renamed(label));
            assert_eq!(held[plain], want, "{what}: {plain}");
            assert_eq!(held[add], serde_json::Value::Null, "{what}: nothing is left to add");
        }
    }
}

#[test]
fn runtime_is_merged_by_its_fields() {
    let label = r#"{"runtime":{"mkdir":["/l"],"cgroups":["l"],"bindNS":{"net":"/l","pid":"/l"},"namespace":"l"}}"#;
    let spec = r#"{"runtime":{"mkdir":[],"mounts":[{"destination":"/s"}],"bindNS":{"net":"/s"}}}"#;
    let want = r#"{"mkdir":[],"cgroups":["l"],"mounts":[{"destination":"/s"}],"bindNS":{"net":"/s","pid":"/l"},"namespace":"l"}"#;
    let want: serde_json::Value = serde_json::from_str(want).unwrap();
    assert_eq!(holds(spec, label)["runtime"], want);
    assert_eq!(holds("{}", label)["runtime"], serde_json::from_str::<serde_json::Value>(label).unwrap()["runtime"]);
}

#[test]
fn a_label_is_read_as_strictly_as_a_spec() {
    let with = |text: &str| {
        let labels = HashMap::from([(label::KEY.to_owned(), text.to_owned())]);
        label(&ConfigBuilder::default().labels(labels).build().unwrap())
    };
    assert_eq!(label(&image()), Ok(Settings::default()), "no label");
    assert_eq!(with(""), Ok(Settings::default()), "an empty one");
    assert_eq!(with(r#"{"pid":"host"}"#).unwrap().pid.as_deref(), Some("host"));
    for (what, text, want) in [
        ("a list", "[]", "not understood"),
        ("a word", "host", "not understood"),
        ("no YAML", "{", "not understood"),
        ("two documents", "pid: host\n---\n", "not understood"),
        ("an unknown key", r#"{"capabilties":[]}"#, "capabilties"),
        ("a name", r#"{"name":"x"}"#, "the key name"),
        ("an image", r#"{"image":"x"}"#, "the key image"),
    ] {
        let error = with(text).unwrap_err().to_string();
        assert!(error.contains(want), "{what}: {error}");
    }
}

#[test]
fn a_label_is_yaml_as_linuxkits_tool_takes_it() {
    let with = |text: &str| {
        let labels = HashMap::from([(label::KEY.to_owned(), text.to_owned())]);
        serde_json::to_value(label(&ConfigBuilder::default().labels(labels).build().unwrap()).unwrap()).unwrap()
    };
    for (what, text, key, want) in [
        ("blocks", "capabilities:\n - CAP_CHOWN\n", "/capabilities", r#"["CAP_CHOWN"]"#),
        ("flow without quotes", "{capabilities: [CAP_CHOWN], net: host}", "/capabilities", r#"["CAP_CHOWN"]"#),
        ("a number where there should be a text", r#"{"env":[5]}"#, "/env", r#"["5"]"#),
        (
            "the size of a page as a number",
            r#"{"resources":{"hugepageLimits":[{"pageSize":2097152,"limit":9}]}}"#,
            "/resources/hugepageLimits/0/pageSize",
            r#""2097152""#,
        ),
        ("octal", "uid: 010", "/uid", "8"),
        ("tabs of a JSON that was indented by them", "{\n\t\"uid\": 3\n}", "/uid", "3"),
        ("what begins with a zero and is a name", "uid: '010'", "/uid", r#""010""#),
    ] {
        let want: serde_json::Value = serde_json::from_str(want).unwrap();
        assert_eq!(with(text).pointer(key), Some(&want), "{what}");
    }
}

#[test]
fn the_label_of_every_recipe_here_is_understood() {
    let workspace = crate::workspace::Workspace::find().unwrap();
    let mut seen = 0;
    for name in workspace.recipes().unwrap() {
        let recipe = crate::recipe::Recipe::load(&workspace.recipe(&name).unwrap()).unwrap();
        let settings: Settings = serde_json::from_str(&recipe.label.to_json()).unwrap();
        assert_eq!(settings.capabilities.as_deref(), Some(&recipe.label.capabilities[..]), "{name}");
        assert_eq!(settings.no_new_privileges, Some(true), "{name}");
        seen += 1;
    }
    assert!(seen > 0);
}
