use super::*;
use proptest::prelude::*;

fn spec(texts: &[&str]) -> Result<Spec, BadSpec> {
    let mut spec = Spec::default();
    for text in texts {
        read::append(&mut spec, text)?;
    }
    Ok(spec)
}

#[test]
fn every_key_of_linuxkits_schema_is_understood() {
    let text = include_str!("every-key.yml");
    let spec = spec(&[text]).unwrap();
    let settings = &spec.services[0].settings;
    // Serialized, nothing of it is lost but the two keys that are kept elsewhere, and what is false anyway.
    let json = serde_json::to_value(settings).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 34, "{keys:?}");
    let runtime = json["runtime"].as_object().unwrap();
    assert_eq!(runtime.len(), 6, "{runtime:?}");
    assert_eq!(json["resources"].as_object().unwrap().len(), 7);
    assert_eq!(json["resources"]["memory"].as_object().unwrap().len(), 7);
    assert_eq!(json["resources"]["cpu"].as_object().unwrap().len(), 7);
    assert_eq!(json["resources"]["blockIO"].as_object().unwrap().len(), 7);
    assert_eq!(spec.files.len(), 5);
}

#[test]
fn a_later_file_overrides_the_kernels_fields_and_appends_to_the_lists() {
    let base =
        "kernel: {image: a/k:1, cmdline: quiet, tar: other.tar}\ninit: [a/i:1]\nonboot: [{name: x, image: a/x:1}]\n";
    let more = "kernel: {cmdline: loud, tar: ''}\ninit: [a/j:1]\nonboot: [{name: x, image: a/x:2}]\nfiles: [{path: a, contents: ''}]\n";
    let spec = spec(&[base, more]).unwrap();
    assert_eq!(spec.kernel.image.as_ref().unwrap().to_string(), "docker.io/a/k:1");
    assert_eq!(spec.kernel.cmdline.as_deref(), Some("loud"));
    assert_eq!((spec.kernel.tar(), spec.kernel.binary()), (None, "kernel"));
    assert_eq!(spec.init.len(), 2);
    let tags: Vec<_> = spec.onboot.iter().map(|container| container.image.tag.as_deref()).collect();
    assert_eq!(tags, [Some("1"), Some("2")], "names of onboot need not be unique");
    assert_eq!(spec.files.len(), 1);
}

#[test]
fn what_is_no_spec_or_not_supported_is_refused_by_name() {
    let long = format!("services: [{{name: {}, image: a}}]", "x".repeat(77));
    for (what, text, want) in [
        ("no YAML", "a: [", ""),
        ("an unknown section", "service: []", "service"),
        ("an unknown key", "services:\n  - name: a\n    image: a\n    capabilties: []\n", "capabilties"),
        ("an unknown key of the kernel", "kernel: {cmd: x}", "cmd"),
        ("an unknown key of a file", "files: [{path: a, content: b}]", "content"),
        ("an unknown key of runtime", "services: [{name: a, image: a, runtime: {mkdirs: []}}]", "mkdirs"),
        ("a value of another kind", "services: [{name: a, image: a, readonly: 3}]", "invalid boolean"),
        ("an owner that is none", "services: [{name: a, image: a, uid: -1}]", "a number or the name of a container"),
        ("microcode that is no name", "kernel: {image: a, ucode: [x]}", "expected string scalar"),
        (
            "a format that there is not",
            "volumes: [{name: a, image: a, format: tar}]",
            "volumes with a format is a key of LinuxKit's",
        ),
        (
            "a platform that there is not",
            "volumes: [{name: a, image: a, format: oci, platforms: [linux/s390x]}]",
            "volumes[0].platforms: no platform linux/s390x",
        ),
        ("platforms", "volumes: [{name: a, image: a, platforms: [linux/amd64]}]", "volumes with platforms is a key"),
        ("a volume without a name", "volumes: [{image: a}]", "volumes[0]: \"\" cannot be a volume's name"),
        ("a volume that climbs", "volumes: [{name: ..}]", "cannot be a volume's name"),
        ("capitals", "volumes: [{name: Data}]", "cannot be a volume's name"),
        ("two of a name", "volumes: [{name: a}, {name: a, readonly: true}]", "two volumes are called a"),
        ("a volume of no image", "volumes: [{name: a, image: 'a b'}]", "volumes[0].image: a b names no image"),
        ("an unknown key of a volume", "volumes: [{name: a, read: true}]", "read"),
        ("a template", "init: [\"@pkg:./pkg/init\"]", "init[0]: @pkg:./pkg/init stands for"),
        ("a template of a service", "services: [{name: a, image: \"@pkg:x\"}]", "services[0].image: @pkg:x stands for"),
        ("no image's name", "init: [\"a b\"]", "init[0]: a b names no image"),
        ("no name", "onboot: [{image: a}]", "onboot[0] has no name"),
        ("no image", "onboot: [{name: a}]", "onboot[0] has no image"),
        ("a name that climbs", "onboot: [{name: .., image: a}]", "cannot be a container's name"),
        ("a name with a slash", "services: [{name: a/b, image: a}]", "cannot be a container's name"),
        ("a name that is too long", &long, "cannot be a container's name"),
        ("an empty name", "services: [{name: '', image: a}]", "cannot be a container's name"),
        (
            "two services of one name",
            "services: [{name: a, image: a}, {name: a, image: b}]",
            "two services are called a",
        ),
    ] {
        let error = spec(&[text]).unwrap_err().to_string();
        assert!(error.contains(want) && !error.contains('\n'), "{what}: {error}");
    }
}

#[test]
fn what_the_parser_tells_programmers_is_not_told() {
    for (what, text, want) in [
        ("a key twice", "init:\nservices:\n- name: a\n  name: b\n", "line 4 column 3: duplicate mapping key: name"),
        ("two documents", "init:\n---\ninit:\n", "line 3 column 1: multiple YAML documents detected"),
    ] {
        assert_eq!(spec(&[text]), Err(BadSpec::Syntax(want.to_owned())), "{what}");
    }
}

#[test]
fn a_spec_that_does_not_end_is_refused() {
    // Its size is said to be 0.
    let error = read::files(&["/dev/zero".into()]).unwrap_err().to_string();
    assert!(error.contains("cannot read /dev/zero") && error.contains("more than 16777216 bytes"), "{error}");
}

#[test]
fn a_number_that_begins_with_a_zero_is_octal_as_for_linuxkits_tool() {
    let uid = |text: &str| spec(&[&format!("services: [{{name: a, image: a, uid: {text}}}]")]).unwrap();
    for (text, want) in [("010", 8), ("0o10", 8), ("10", 10), ("0", 0), ("0x10", 16)] {
        assert_eq!(uid(text).services[0].settings.uid, Some(Id::Number(want)), "{text}");
    }
    assert_eq!(uid("'010'").services[0].settings.uid, Some(Id::Name("010".to_owned())));
}

#[test]
fn volumes_of_all_files_are_there_in_order() {
    let one = "volumes: [{name: blank, format: oci}, {name: full-1, image: a, format: filesystem, readonly: true}]";
    let spec = spec(&[one, "volumes: [{name: more, image: ''}]"]).unwrap();
    let volume = |name: &str, image: Option<&str>, readonly| Volume {
        name: name.to_owned(),
        image: image.map(|image| Reference::parse(image).unwrap()),
        readonly,
        format: volumes::Format::Files,
        platforms: Vec::new(),
    };
    let image = Some("docker.io/library/a:latest");
    assert_eq!(
        spec.volumes,
        [volume("blank", None, false), volume("full-1", image, true), volume("more", None, false)]
    );
}

#[test]
fn what_linuxkits_tool_would_not_take_is_taken_and_said() {
    let service = |rest: &str| format!("services: [{{name: a, image: a, {rest}}}]");
    for (what, text, want) in [
        ("a mode without quotes", "files: [{path: a, contents: b, mode: 0644}]", Some("files[0].mode is a number")),
        ("contents without quotes", "files: [{path: a, contents: 5}]", Some("files[0].contents is a number")),
        ("yes", &service("readonly: yes"), Some("services[0].readonly is a text")),
        ("a setting without quotes", &service("sysctl: {a.b: 0}"), Some("services[0].sysctl.a.b is a number")),
        ("a variable that is a number", &service("env: [A=b, 5]"), Some("services[0].env[1] is a number")),
        ("a command line that is a number", "kernel: {image: a, cmdline: 5}", Some("kernel.cmdline is a number")),
        ("a list that is not there", "onboot:", Some("onboot is empty")),
        ("an empty file", "", Some("the spec is empty")),
        ("only a comment", "# nothing\n", Some("the spec is empty")),
        ("as it should be", &service("readonly: true, env: ['5'], sysctl: {a.b: '0'}, uid: 7, gid: a"), None),
        ("an empty list", "onboot: []", None),
        ("every key", include_str!("every-key.yml"), None),
    ] {
        let warnings = spec(&[text]).unwrap().warnings;
        assert_eq!(warnings.len(), usize::from(want.is_some()), "{what}: {warnings:?}");
        assert!(want.is_none_or(|want| warnings[0].starts_with(want)), "{what}: {warnings:?}");
    }
    let two = spec(&["onboot: [{name: a, image: a}]", "onboot: [{name: b, image: a, env: [5]}]"]).unwrap();
    assert!(two.warnings[0].starts_with("onboot[0].env[0] is a number"), "as its file has it: {:?}", two.warnings);
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let error = spec(&["kernel:\n  image: a\n  cmdlien: quiet\n"]).unwrap_err().to_string();
    assert!(error.contains("cmdlien") && error.contains('3'), "{error}");
}

#[test]
fn two_services_of_one_name_in_two_files_are_refused() {
    let one = "services: [{name: a, image: a}]";
    assert_eq!(spec(&[one, one]), Err(BadSpec::Twice("a".to_owned())));
}

#[test]
fn sections_without_a_value_are_empty() {
    let spec = spec(&["kernel:\ninit:\nonboot:\nservices:\nfiles:\nvolumes:\n"]).unwrap();
    assert_eq!(Spec { warnings: Vec::new(), ..spec }, Spec::default());
}

#[test]
fn a_name_is_compared_in_full() {
    let digest = crate::digest::Digest::of(b"");
    for (text, want) in [
        ("alpine", "docker.io/library/alpine:latest".to_owned()),
        ("linuxkit/init:1", "docker.io/linuxkit/init:1".to_owned()),
        ("orlop.example/dhcp:1", "orlop.example/dhcp:1".to_owned()),
        ("localhost/a:1", "localhost/a:1".to_owned()),
        ("host:5000/a/b", "host:5000/a/b:latest".to_owned()),
        (&format!("linuxkit/init@{digest}"), format!("docker.io/linuxkit/init@{digest}")),
    ] {
        assert_eq!(expanded(&Reference::parse(text).unwrap()).to_string(), want, "{text}");
    }
}

proptest! {
    #[test]
    fn a_damaged_spec_is_read_or_refused_in_one_line(cuts in prop::collection::vec((any::<prop::sample::Index>(), ".{0,3}"), 1..6)) {
        let mut text = include_str!("every-key.yml").to_owned();
        for (at, with) in cuts {
            let at = at.index(text.len());
            let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.insert_str(at, &with);
        }
        if let Err(error) = spec(&[&text]) {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}

#[test]
fn what_is_known_to_do_nothing_is_said_and_no_error() {
    for (text, words) in [
        ("trust: {org: [linuxkit]}", 1),
        ("trust: {image: [a, b], org: []}", 1),
        ("trust: {}", 1),
        ("trust:", 0),
        ("kernel: {ucode: ''}", 0),
        ("volumes: []", 0),
    ] {
        let warnings = spec(&[text]).unwrap().warnings;
        let warnings: Vec<_> = warnings.iter().filter(|said| said.starts_with("trust does nothing")).collect();
        assert_eq!(warnings.len(), words, "{text}: {warnings:?}");
    }
    let kernel = spec(&["kernel: {image: a, ucode: intel-ucode.cpio}", "kernel: {ucode: ''}"]).unwrap().kernel;
    assert_eq!(kernel.ucode.as_deref(), Some("intel-ucode.cpio"));
}
