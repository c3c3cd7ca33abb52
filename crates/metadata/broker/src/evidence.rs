//! What firmware, processor and kernel say of the machine, read from `/sys` and `/proc`.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use orlop_metadata_contract::{CREDENTIAL, CommandLine, Credential, Document, Sign, Signs, oem_strings};
use orlop_sandbox::hypervisor;
use tracing::warn;

/// What was read, and what could not be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// What the machine says.
    pub signs: Signs,
    /// Whether what only root may read was withheld: a container runtime has covered `/sys/firmware`, or this user may not.
    pub is_masked: bool,
    /// User data that whoever started the machine has put into its firmware.
    pub user_data: Option<Document>,
}

/// Files of a line each, and what they are signs of. Those of DMI are below `class/dmi/id`.
const FILES: [(&str, Sign); 7] = [
    ("sys/class/dmi/id/sys_vendor", Sign::SysVendor),
    ("sys/class/dmi/id/product_name", Sign::ProductName),
    ("sys/class/dmi/id/product_serial", Sign::ProductSerial),
    ("sys/class/dmi/id/product_uuid", Sign::ProductUuid),
    ("sys/class/dmi/id/chassis_asset_tag", Sign::ChassisAssetTag),
    ("sys/class/dmi/id/board_asset_tag", Sign::BoardAssetTag),
    ("sys/hypervisor/uuid", Sign::HypervisorUuid),
];

/// The tables of ACPI, of which each names its maker at the same place.
const ACPI_TABLES: [&str; 2] = ["sys/firmware/acpi/tables/DSDT", "sys/firmware/acpi/tables/FACP"];
/// Where the maker stands in the header of a table (ACPI 6.5, section 5.2.6).
const ACPI_OEM: core::ops::Range<usize> = 10..16;

const DMI_TABLE: &str = "sys/firmware/dmi/tables/DMI";
/// Where the kernel shows a file of QEMU's fw_cfg, with its length and its content.
const FW_CFG: &str = "sys/firmware/qemu_fw_cfg/by_name/opt/io.systemd.credentials";
/// Bytes of such a file that are read, at most. The kernel gives 4 KiB at a time, and reads from the start, byte by byte, for each:
/// this much takes a second, a megabyte would take a quarter of an hour.
const MAX_FW_CFG: usize = 32 << 10;
const COMMAND_LINE: &str = "proc/cmdline";

/// Bytes of a file that are read, at most. No table of structures is longer than 64 KiB in SMBIOS 2.
const MAX_FILE: usize = 256 << 10;

impl Evidence {
    /// Reads everything below `root`: `/`, where the processor is asked as well, or a folder that another machine's files were
    /// copied to.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        let mut evidence = Self::default();
        for (path, sign) in FILES {
            if let Some(bytes) = evidence.read(root, path, MAX_FILE) {
                evidence.signs.add(sign, &String::from_utf8_lossy(&bytes));
            }
        }
        for path in ACPI_TABLES {
            let oem =
                evidence.read(root, path, ACPI_OEM.end).and_then(|header| header.get(ACPI_OEM).map(<[u8]>::to_vec));
            evidence.signs.add(Sign::AcpiOem, &String::from_utf8_lossy(&oem.unwrap_or_default()));
        }
        evidence.user_data = evidence.fw_cfg(root);
        for text in evidence.read(root, DMI_TABLE, MAX_FILE).map(|table| oem_strings(&table)).unwrap_or_default() {
            let shown = match Credential::of(&text) {
                Some(Credential::UserData(document)) => {
                    evidence.user_data.get_or_insert(document);
                    CREDENTIAL
                }
                Some(Credential::Other(shown)) => shown,
                None => &text,
            };
            evidence.signs.add(Sign::OemString, shown);
        }
        let line = evidence.read(root, COMMAND_LINE, MAX_FILE).unwrap_or_default();
        for word in CommandLine::words(&String::from_utf8_lossy(&line)) {
            evidence.signs.add(Sign::Word, &word);
        }
        if root == Path::new("/")
            && let Some(name) = hypervisor::name()
        {
            evidence.signs.add(Sign::Hypervisor, &name);
        }
        let has_dmi = root.join("sys/class/dmi/id").is_dir();
        evidence.is_masked |= has_dmi && !root.join(DMI_TABLE).exists();
        evidence
    }

    /// User data in a file of fw_cfg.
    fn fw_cfg(&mut self, root: &Path) -> Option<Document> {
        let size = self.read(root, &format!("{FW_CFG}/{CREDENTIAL}/size"), MAX_FW_CFG)?;
        let size: usize = String::from_utf8_lossy(&size).trim().parse().ok()?;
        if size > MAX_FW_CFG {
            warn!(size, "user data in fw_cfg are longer than {MAX_FW_CFG} bytes, and are not read");
            return None;
        }
        let content = self.read(root, &format!("{FW_CFG}/{CREDENTIAL}/raw"), size)?;
        Some(Document { source: "fw_cfg".to_owned(), content, is_base64: false })
    }

    /// The first bytes of a file, `most` at most.
    fn read(&mut self, root: &Path, path: &str, most: usize) -> Option<Vec<u8>> {
        let read = File::open(root.join(path)).and_then(|file| {
            let mut bytes = Vec::new();
            file.take(most as u64).read_to_end(&mut bytes).map(|_| bytes)
        });
        match read {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.is_masked |= error.kind() == io::ErrorKind::PermissionDenied;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use orlop_metadata_contract::{Platform, Provider, detect};
    use orlop_testbed::Folder;

    use super::*;

    fn machine(name: &str, files: &[(&str, &[u8])]) -> Folder {
        let root = Folder::new(name);
        for (path, content) in files {
            let path = root.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        root
    }

    #[test]
    fn another_machines_files_say_what_that_machine_is() {
        let mut acpi = vec![b'x'; 10];
        acpi.extend(b"FIRECKFCAARM64 ");
        for (files, want) in [
            (&[("sys/class/dmi/id/sys_vendor", &b"Amazon EC2\n"[..])][..], Provider::Aws),
            (&[("sys/hypervisor/uuid", b"ec2ae643-9e41-50b4-bf6a-6c0fba2a2d43\n")], Provider::Aws),
            (&[("proc/cmdline", b"quiet ds=openstack root=/dev/sda1\n")], Provider::OpenStack),
            (&[(DMI_TABLE, b"\x0b\x05\0\0\x01ds=nocloud\0\0\x7f\x04\0\0\0\0")], Provider::NoCloud),
            (&[(ACPI_TABLES[1], &acpi)], Provider::Mmds),
        ] {
            let root = machine("evidence", files);
            let findings = detect(&Evidence::below(&root.0).signs);
            assert_eq!(findings.iter().map(|found| found.platform).collect::<Vec<_>>(), [Platform::Of(want)]);
        }
    }

    #[test]
    fn user_data_in_the_firmware_are_found_and_no_value_of_a_credential_is_a_sign() {
        const TABLE: &[u8] = b"\x0b\x05\0\0\x03io.systemd.credential.binary:orlop.userdata=c2VjcmV0\0io.systemd.credential:other=secret\0ds=nocloud\0\0";
        let size = format!("{FW_CFG}/{CREDENTIAL}/size");
        let raw = format!("{FW_CFG}/{CREDENTIAL}/raw");
        let smbios = machine("smbios", &[(DMI_TABLE, TABLE)]);
        let Evidence { signs, user_data, .. } = Evidence::below(&smbios.0);
        assert_eq!(
            signs.iter().map(|(_, text)| text).collect::<Vec<_>>(),
            [CREDENTIAL, "io.systemd.credential:other", "ds=nocloud"]
        );
        let found = user_data.unwrap();
        assert_eq!((found.source.as_str(), &found.content[..], found.is_base64), ("SMBIOS", &b"c2VjcmV0"[..], true));
        for (what, length, want) in
            [("it fits", "6\n", Some("fw_cfg")), ("too long", "32769\n", None), ("no number", "x", None)]
        {
            let fw_cfg = machine("fw-cfg", &[(&size, length.as_bytes()), (&raw, b"secret")]);
            let found = Evidence::below(&fw_cfg.0).user_data;
            assert_eq!(found.as_ref().map(|found| found.source.as_str()), want, "{what}");
            assert!(found.is_none_or(|found| found.content == b"secret" && !found.is_base64), "{what}");
        }
        let both = machine("both", &[(DMI_TABLE, TABLE), (&size, b"1"), (&raw, b"secret")]);
        assert_eq!(Evidence::below(&both.0).user_data.unwrap().content, b"s", "no more than it says");
    }

    #[test]
    fn a_machine_that_says_nothing_is_none_and_a_covered_folder_is_told() {
        let root = machine("nothing", &[]);
        assert_eq!(Evidence::below(&root.0), Evidence::default());
        let covered = machine("covered", &[("sys/class/dmi/id/sys_vendor", b"QEMU\n")]);
        assert!(Evidence::below(&covered.0).is_masked);
        let whole = machine("whole", &[("sys/class/dmi/id/sys_vendor", b"QEMU\n"), (DMI_TABLE, b"")]);
        assert!(!Evidence::below(&whole.0).is_masked);
    }
}
