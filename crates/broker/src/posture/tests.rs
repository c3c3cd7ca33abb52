use orlop_sandbox::capability::{Capability, CapabilitySet};
use orlop_sandbox::landlock::Enforced;
use serde_json::{Value, json};

use super::*;

pub(crate) fn status() -> Status {
    let none = CapabilitySet::EMPTY;
    let net: CapabilitySet = [Capability::NetAdmin, Capability::NetRaw].into_iter().collect();
    Status {
        uids: [7; 4],
        gids: [8; 4],
        groups: 0,
        inheritable: none,
        permitted: net,
        effective: net,
        bounding: net,
        ambient: none,
        no_new_privs: true,
        filtered: true,
        filters: 2,
        threads: 1,
    }
}

pub(crate) fn posture() -> Posture {
    Posture {
        status: status(),
        allowed: 14,
        denied: 160,
        landlock: Enforced::Full { abi: 7 },
        empty_root: true,
        limited: true,
        open_files: 5,
    }
}

pub(crate) fn postures() -> Postures {
    let mut postures = Postures::default();
    for name in ["test-worker", "test-broker", "test-second"] {
        postures.insert(name, posture());
    }
    postures.insert_supervisor(Some(status()));
    postures
}

#[test]
fn a_program_finds_each_process_by_its_name_and_capabilities_by_theirs() {
    let shown: Value = serde_json::from_str(&postures().show(true)).unwrap();
    let names: Vec<&String> = shown.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for process in ["test-worker", "test-second", "supervisor"] {
        let status = &shown[process]["status"];
        assert_eq!(status["effective"], json!(["CAP_NET_ADMIN", "CAP_NET_RAW"]), "{process}");
        assert_eq!(status["ambient"], json!([]), "{process}");
    }
    assert_eq!(shown["test-broker"]["landlock"], json!({"full": {"abi": 7}}));
    assert!(shown["supervisor"].get("landlock").is_none(), "nobody can see it");
}

#[test]
fn a_document_is_read_back_as_it_was_written() {
    let postures = postures();
    assert_eq!(serde_json::from_str::<Postures>(&postures.show(true)).unwrap(), postures);
}

#[test]
fn what_is_no_table_of_processes_is_told_with_what_was_expected() {
    let error = serde_json::from_str::<Postures>("[]").unwrap_err().to_string();
    assert!(error.contains("expected processes with their postures"), "{error}");
}

#[test]
fn a_person_sees_a_line_for_each_process() {
    let text = postures().show(false);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].starts_with("test-worker  uid=7 gid=8 "), "{text}");
    let supervisor = "supervisor   uid=7 capabilities=NET_ADMIN,NET_RAW bounding=NET_ADMIN,NET_RAW no_new_privs=yes \
                      filters=2, reads nothing";
    assert_eq!(lines[3], supervisor);
}

#[test]
fn a_worker_that_was_started_anew_is_there_once() {
    assert!(Postures::default().is_empty() && !postures().is_empty());
    let mut postures = postures();
    postures.insert("test-worker", Posture { open_files: 9, ..posture() });
    assert_eq!(postures.0.len(), 4);
    assert!(postures.to_string().lines().next().unwrap().ends_with("open_files=9"));
    postures.insert_supervisor(None);
    assert_eq!(postures.0.len(), 4, "what is not seen changes nothing");
}
