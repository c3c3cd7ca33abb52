use orlop_testbed::Testbed;

use super::*;

/// What the kernel would make of a program: the instructions that are used here, and no others.
fn asked(program: &[Instruction], kind: i32, access: i32, major: i32, minor: i32) -> bool {
    let context = [access << 16 | kind, major, minor];
    let mut registers = [0_i64; 11];
    let mut next = 0;
    // No program jumps back.
    for _ in 0..program.len() {
        let Instruction { code, registers: both, offset, constant } = program[next];
        let (to, from) = (usize::from(both & 15), usize::from(both >> 4));
        let jump = match code {
            IF => registers[to] == i64::from(constant),
            UNLESS => registers[to] != i64::from(constant),
            LEAVE => return registers[0] != 0,
            _ => false,
        };
        match code {
            LOAD => registers[to] = context[usize::try_from(offset).unwrap() / 4].into(),
            COPY => registers[to] = registers[from],
            SET => registers[to] = constant.into(),
            AND => registers[to] &= i64::from(constant),
            SHIFT => registers[to] >>= constant,
            IF | UNLESS => {}
            _ => panic!("unknown instruction {code:#x}"),
        }
        next += 1 + if jump { usize::try_from(offset).unwrap() } else { 0 };
    }
    panic!("it does not end");
}

/// The program of a configuration's `linux.resources.devices`.
fn of(json: &str) -> Vec<Instruction> {
    program(&rules(&serde_json::from_str::<Vec<LinuxDeviceCgroup>>(json).unwrap()).unwrap())
}

#[test]
fn a_container_may_use_what_its_configuration_allows_and_what_all_may() {
    const USE: i32 = READ | WRITE;
    const DISK: &str = r#"[{"allow":true,"type":"b","major":8,"minor":1,"access":"rwm"}]"#;
    const DISKS: &str = r#"[{"allow":true,"type":"b","access":"rwm"}]"#;
    const READING: &str = r#"[{"allow":true,"type":"c","major":4,"access":"r"}]"#;
    const IN_TWO: &str = r#"[{"allow":true,"type":"c","major":4,"access":"r"},
        {"allow":true,"type":"c","major":4,"access":"w"},{"allow":false,"type":"c","major":4,"minor":65,"access":"w"},
        {"allow":false,"type":"c","major":4,"minor":66,"access":"r"},{"allow":true,"type":"c","major":4,"minor":66,"access":"r"}]"#;
    const BUT: &str = r#"[{"allow":true},{"allow":false,"type":"c","major":4,"access":"w"}]"#;
    const NONE: &str = r#"[{"allow":true},{"allow":false,"access":"rwm"}]"#;
    for (what, json, (kind, access, major, minor), want) in [
        ("null", "[]", (CHARACTER, USE, 1, 3), true),
        ("a terminal of the machine", "[]", (CHARACTER, READ, 4, 64), false),
        ("the kernel's memory", "[]", (CHARACTER, READ, 1, 1), false),
        ("a disk", "[]", (BLOCK, READ, 8, 1), false),
        ("a disk with the number of null", "[]", (BLOCK, READ, 1, 3), false),
        ("to make a node", "[]", (BLOCK, MAKE, 8, 1), true),
        ("to make a node and use it", "[]", (BLOCK, MAKE | READ, 8, 1), false),
        ("any of its own terminals", "[]", (CHARACTER, USE, 136, 77), true),
        ("the disk", DISK, (BLOCK, USE, 8, 1), true),
        ("another disk", DISK, (BLOCK, USE, 8, 2), false),
        ("every disk", DISKS, (BLOCK, USE, 259, 3), true),
        ("no terminal with the disks", DISKS, (CHARACTER, USE, 4, 64), false),
        ("read what may be read", READING, (CHARACTER, READ, 4, 64), true),
        ("write what may be read", READING, (CHARACTER, USE, 4, 64), false),
        ("read and write what two rules allow", IN_TWO, (CHARACTER, USE, 4, 64), true),
        ("read and write, of which one was refused again", IN_TWO, (CHARACTER, USE, 4, 65), false),
        ("read and write, of which one was refused and allowed again", IN_TWO, (CHARACTER, USE, 4, 66), true),
        ("make, which they do not say, and all may", IN_TWO, (CHARACTER, MAKE | USE, 4, 64), true),
        ("all but to write there: elsewhere", BUT, (BLOCK, USE, 8, 1), true),
        ("all but to write there: read", BUT, (CHARACTER, READ, 4, 64), true),
        ("all but to write there: both", BUT, (CHARACTER, USE, 4, 64), false),
        ("the last rule counts", NONE, (BLOCK, READ, 8, 1), false),
        ("and what all may comes after it", NONE, (CHARACTER, USE, 1, 3), true),
    ] {
        assert_eq!(asked(&of(json), kind, access, major, minor), want, "{what}");
    }
}

#[test]
fn what_is_no_rule_is_refused_and_what_is_no_device_has_no_effect() {
    for json in [
        r#"[{"allow":true,"access":"rx"}]"#,
        r#"[{"allow":true,"major":-2}]"#,
        r#"[{"allow":true,"minor":4294967296}]"#,
    ] {
        let listed: Vec<LinuxDeviceCgroup> = serde_json::from_str(json).unwrap();
        assert!(rules(&listed).is_err(), "{json}");
    }
    assert_eq!(of(r#"[{"allow":true,"type":"p"}]"#), of("[]"));
    assert_eq!(of(r#"[{"allow":true,"type":"b","major":-1,"minor":-1}]"#), of(r#"[{"allow":true,"type":"b"}]"#));
}

#[test]
fn the_kernel_takes_every_program() {
    let Some(_) = Testbed::with(&[]) else { return };
    let many: Vec<String> =
        (0..MAX_RULES).map(|minor| format!(r#"{{"allow":true,"type":"c","minor":{minor},"access":"r"}}"#)).collect();
    for json in ["[]".to_owned(), r#"[{"allow":true}]"#.to_owned(), format!("[{}]", many.join(","))] {
        device_program::check(&of(&json)).unwrap();
    }
    let wrong = [with(LEAVE, 0, 0, 0, 0)];
    assert!(device_program::check(&wrong).is_err(), "control: the kernel looks at it");
}
