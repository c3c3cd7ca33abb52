use orlop_metadata_contract::Provider;

use super::*;

fn of(line: &str) -> Result<Invocation, Fatal> {
    parse(line.split_whitespace().map(OsString::from))
}

fn run(line: &str) -> Run {
    match of(line) {
        Ok(Invocation::Run(run)) => run,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn linuxkits_lines_mean_what_they_meant() {
    for name in ["/usr/bin/metadata", "orlop-metadata"] {
        let default = run(name);
        assert_eq!((default.wishes, default.log, default.timeout), (Wishes::default(), Level::INFO, TIMEOUT));
        let some = run(&format!("{name} -v openstack cdrom file=/etc/userdata"));
        assert_eq!(some.wishes.providers, Some(vec![Provider::OpenStack, Provider::Cdrom]));
        assert_eq!((some.file, some.log), (Some("/etc/userdata".into()), Level::DEBUG));
        let all = run(&format!(
            "{name} aws gcp hetzner openstack scaleway vultr digitalocean equinixmetal metaldata vmware cdrom"
        ));
        assert_eq!(all.wishes.providers.unwrap().len(), 8);
        assert_eq!(
            all.refused.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["equinixmetal", "metaldata", "vmware"]
        );
    }
    let none = run("metadata equinixmetal");
    assert_eq!(none.wishes.providers, Some(vec![]), "nobody, and not whoever is found");
}

#[test]
fn help_says_how_to_use_it_and_what_it_ends_with() {
    let Ok(Invocation::Print(help)) = of("orlop-metadata --help") else { panic!("no help") };
    for part in ["Usage: orlop-metadata [OPTIONS] [PROVIDER]... [file=PATH]\n", "\nFiles:\n"] {
        assert!(help.contains(part), "{part:?}: {help}");
    }
}

#[test]
fn a_word_counts_once_and_one_that_is_mistyped_is_corrected() {
    assert_eq!(run("metadata aws gcp aws").wishes.providers, Some(vec![Provider::Aws, Provider::Gcp]));
    assert_eq!(run("metadata file=/a").wishes.providers, Some(vec![]), "no other source");
    for (line, want) in [
        ("metadata file=", "file= needs one path"),
        ("metadata file=/a file=/b", "file= needs one path"),
        ("metadata awz", "did you mean: orlop-metadata aws?"),
        ("metadata somewhere-else", "a provider is one of "),
    ] {
        let error = of(line).unwrap_err().to_string();
        assert!(error.contains(want), "{line}: {error}");
    }
}

#[test]
fn a_line_is_understood_as_a_whole_or_refused() {
    for (line, want) in [
        ("orlop-metadata --timeout 5 --require --no-disks aws", true),
        ("orlop-metadata --timeout=5", true),
        ("orlop-metadata --timeout 0", false),
        ("orlop-metadata --timeout 3601", false),
        ("orlop-metadata --timeout 5 --timeout 5", false),
        ("orlop-metadata --root /tmp", false),
        ("orlop-metadata --detect --root /tmp --json", true),
        ("orlop-metadata --disk /dev/vdb nocloud", true),
        ("orlop-metadata --disk /dev/vdb --no-disks", false),
        ("orlop-metadata --disk /dev/vdb openstack", false),
        ("orlop-metadata --disk /dev/vdb file=/a", false),
        ("orlop-metadata --disk /dev/vdb openstack cdrom", true),
        ("orlop-metadata --disk /dev/vdb azure", true),
        ("orlop-metadata file=", false),
        ("orlop-metadata file=/a file=/b", false),
        ("orlop-metadata asw", false),
        ("orlop-metadata stats", false),
        ("orlop-metadata status --json", true),
        ("orlop-metadata status aws", false),
        ("orlop-metadata get ssh/authorized_keys", true),
        ("orlop-metadata get", false),
        ("orlop-metadata get ../x", false),
        ("orlop-metadata get a b", false),
        ("orlop-metadata --dryrun", false),
    ] {
        assert_eq!(of(line).is_ok(), want, "{line}");
    }
    let no_disk = of("orlop-metadata --disk /dev/vdb aws").unwrap_err();
    assert!(no_disk.help.unwrap().contains("--disk PATH nocloud"), "{}", no_disk.problem);
    assert!(of("orlop-metadata asw").unwrap_err().help.unwrap().contains("orlop-metadata aws"));
}

#[test]
fn the_help_fits_a_terminal() {
    for line in help::help().lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
