//! Which Debian packages a task needs besides the Rust toolchain.

use super::Need;

/// A Debian package and why it is wanted.
#[derive(Debug)]
pub(super) struct DebianPackage {
    pub(super) name: &'static str,
    /// What is started of it. Where all of them are there, nobody asks for the package: they may be somebody's own, or
    /// another distribution's. None: it has no program, and comes with a compiler where packages are cut otherwise.
    pub(super) programs: &'static [&'static str],
    /// For whoever wonders why it is to be installed.
    pub(super) why: &'static str,
    /// The tasks that start its programs.
    pub(super) needs: &'static [Need],
}

/// Everything that builds networks.
const NETWORKS: &[Need] = &[Need::Demo, Need::Tests, Need::Bench];
/// Everything that compares with other clients: tests validate the testbed with them.
const RIVALS: &[Need] = &[Need::Tests, Need::Bench];

/// Everything that boots machines.
const BOOTS: &[Need] = &[Need::Demo, Need::Tests, Need::Bench, Need::Machines, Need::ArmMachines];

/// The rivals and the images.
const WITH_BUSYBOX: &[Need] = &[Need::Tests, Need::Bench, Need::Images];

/// The images, and machines with another runtime.
const RUNTIMES: &[Need] = &[Need::Bench, Need::Images];

/// Everything that builds for an architecture that is not this machine's.
#[cfg(not(target_arch = "aarch64"))]
const ARM: &[Need] = &[Need::Aarch64, Need::Aarch64Musl];
/// This machine has what it needs for itself.
#[cfg(target_arch = "aarch64")]
const ARM: &[Need] = &[];

/// All of them.
pub(super) const DEBIAN_PACKAGES: &[DebianPackage] = &[
    DebianPackage {
        name: "iproute2",
        programs: &["ip"],
        why: "ip: builds and reads the test networks",
        needs: NETWORKS,
    },
    DebianPackage {
        name: "util-linux",
        programs: &["unshare", "nsenter", "setpriv", "flock"],
        why: "unshare, nsenter, setpriv: hold the namespaces; flock: locks of neighbour containers",
        needs: NETWORKS,
    },
    DebianPackage {
        name: "mount",
        programs: &["mount"],
        why: "file systems of their own for the test hosts",
        needs: NETWORKS,
    },
    DebianPackage {
        name: "hostname",
        programs: &["hostname"],
        why: "names of their own for the test hosts",
        needs: NETWORKS,
    },
    DebianPackage {
        name: "procps",
        programs: &["sysctl"],
        why: "sysctl: settings of the test hosts, and a rival",
        needs: NETWORKS,
    },
    DebianPackage {
        name: "dnsmasq-base",
        programs: &["dnsmasq"],
        why: "the DHCP server of demo, tests and bench",
        needs: NETWORKS,
    },
    DebianPackage {
        name: "udhcpd",
        programs: &["udhcpd"],
        why: "a second, independent DHCP server",
        needs: &[Need::Tests],
    },
    DebianPackage { name: "udhcpc", programs: &["udhcpc"], why: "rival client: busybox", needs: RIVALS },
    DebianPackage {
        name: "dhcpcd-base",
        programs: &["dhcpcd"],
        why: "rival client: what LinuxKit ships today",
        needs: RIVALS,
    },
    DebianPackage { name: "isc-dhcp-client", programs: &["dhclient"], why: "rival client: dhclient", needs: RIVALS },
    DebianPackage { name: "curl", programs: &["curl"], why: "a floor: the same questions", needs: &[Need::Bench] },
    DebianPackage {
        name: "genisoimage",
        programs: &["genisoimage"],
        why: "seed discs",
        needs: &[Need::Bench, Need::Demo, Need::Tests],
    },
    DebianPackage { name: "dosfstools", programs: &["mkfs.vfat"], why: "seed disks with FAT", needs: &[Need::Tests] },
    DebianPackage { name: "mtools", programs: &["mcopy"], why: "files on them", needs: &[Need::Tests] },
    DebianPackage { name: "cpio", programs: &["cpio"], why: "takes assembled machines apart", needs: &[Need::Tests] },
    DebianPackage { name: "qemu-system-x86", programs: &["qemu-system-x86_64"], why: "boots machines", needs: BOOTS },
    DebianPackage {
        name: "qemu-system-arm",
        programs: &["qemu-system-aarch64"],
        why: "boots machines of 64-bit ARM",
        needs: &[Need::Tests, Need::ArmMachines],
    },
    DebianPackage { name: "zstd", programs: &["zstd"], why: "unpacks kernels for machines", needs: BOOTS },
    DebianPackage { name: "lz4", programs: &["lz4"], why: "unpacks older kernels for machines", needs: BOOTS },
    DebianPackage { name: "xz-utils", programs: &["xz"], why: "unpacks kernels for machines", needs: BOOTS },
    DebianPackage { name: "dpkg", programs: &["dpkg-deb"], why: "takes kernels out of their packages", needs: BOOTS },
    DebianPackage { name: "g++", programs: &["c++"], why: "libFuzzer is C++", needs: &[Need::Fuzz] },
    DebianPackage {
        name: "gcc-aarch64-linux-gnu",
        programs: &["aarch64-linux-gnu-gcc"],
        why: "links for 64-bit ARM",
        needs: ARM,
    },
    DebianPackage { name: "libc6-dev-arm64-cross", programs: &[], why: "the GNU C library for 64-bit ARM", needs: ARM },
    DebianPackage { name: "skopeo", programs: &["skopeo"], why: "reads images", needs: &[Need::Images] },
    DebianPackage { name: "umoci", programs: &["umoci"], why: "unpacks images", needs: &[Need::Images] },
    DebianPackage { name: "runc", programs: &["runc"], why: "runs images, as LinuxKit's onboot does", needs: RUNTIMES },
    DebianPackage {
        name: "crun",
        programs: &["crun"],
        why: "runs images: a second runtime beside runc",
        needs: RUNTIMES,
    },
    DebianPackage {
        name: "containerd",
        programs: &["containerd", "ctr"],
        why: "runs images, as LinuxKit's services are run",
        needs: &[Need::Images],
    },
    DebianPackage { name: "podman", programs: &["podman"], why: "runs images", needs: &[Need::Images] },
    DebianPackage {
        name: "systemd",
        programs: &["/usr/lib/systemd/systemd-sysctl"],
        why: "rival: systemd-sysctl, whose meaning of sysctl.d files is ours",
        needs: RIVALS,
    },
    DebianPackage {
        name: "busybox",
        programs: &["busybox"],
        why: "rival: sysctl; part of what an image's size is compared with",
        needs: WITH_BUSYBOX,
    },
    DebianPackage {
        name: "perl-base",
        programs: &["perl"],
        why: "perl: leases on files, in the tests of neighbour containers",
        needs: &[Need::Tests],
    },
    DebianPackage {
        name: "strace",
        programs: &["strace"],
        why: "shows which process makes which system call",
        needs: &[Need::Tests],
    },
    DebianPackage {
        name: "qemu-user-static",
        programs: &["qemu-aarch64-static"],
        why: "runs the binaries for 64-bit ARM",
        needs: ARM,
    },
    DebianPackage {
        name: "debootstrap",
        programs: &["debootstrap"],
        why: "makes a stranger's machine",
        needs: &[Need::Fresh],
    },
    DebianPackage { name: "tar", programs: &["tar"], why: "keeps it as an archive", needs: &[Need::Fresh] },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_that_builds_networks_gets_a_server() {
        for need in [Need::Demo, Need::Tests, Need::Bench] {
            assert!(DEBIAN_PACKAGES.iter().any(|p| p.name == "dnsmasq-base" && p.needs.contains(&need)), "{need:?}");
        }
    }

    #[test]
    fn no_package_is_named_twice() {
        let mut names: Vec<_> = DEBIAN_PACKAGES.iter().map(|package| package.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
