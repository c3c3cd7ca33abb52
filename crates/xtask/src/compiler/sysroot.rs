//! A compiler with standard libraries that rustup does not have here, made once and kept in a cache.
//!
//! ```text
//! ~/.cache/orlop/rust/
//!   current              the name of the folder in use
//!   rustc-web-VERSION/   one per version of Debian's compiler
//!     rustc              starts it with its own libraries
//!     usr/               the packages, unpacked; it looks for its libraries beside itself
//!     TRIPLE.stamp       what the library of a target was made from; written last
//! ```
//!
//! The library for musl is built from Debian's sources of it, with any Rust that can: cargo and the compiler may
//! be of different versions. What links against it are Debian's musl, gcc's start files and LLVM's unwinder: gcc's
//! own unwinder needs the GNU C library.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::debian::{Archive, NATIVE, Package, beside};
use super::{cargo_home, registries, remapped};
use crate::command;
use crate::workspace::Workspace;

/// Counts changes to how a library is made, so that one made otherwise is made again.
pub(super) const RECIPE: u32 = 3;

/// Of the standard library: no backtraces, whose reader of debugging information would be 120 kB of every program and finds
/// none in ours, which are stripped. `optimize_for_size` is left out: 2 % of the bytes, and 3 % of the sysctl applier's time.
const FEATURES: &str = "panic-unwind";

/// A target whose standard library can be made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    /// In Debian's words.
    architecture: &'static str,
    /// In the compiler's words: where Debian keeps what belongs to it.
    folder: &'static str,
    /// gcc for it, on a machine of another architecture.
    cross: &'static str,
}

/// Static x86-64.
const X86_64_MUSL: Target = Target {
    triple: "x86_64-unknown-linux-musl",
    architecture: "amd64",
    folder: "x86_64-linux",
    cross: "x86_64-linux-gnu-gcc",
};
/// Static 64-bit ARM.
pub(crate) const AARCH64_MUSL: Target = Target {
    triple: "aarch64-unknown-linux-musl",
    architecture: "arm64",
    folder: "aarch64-linux",
    cross: "aarch64-linux-gnu-gcc",
};
/// Static, for this machine.
pub(crate) const NATIVE_MUSL: Target = if cfg!(target_arch = "aarch64") { AARCH64_MUSL } else { X86_64_MUSL };
/// 64-bit ARM with the GNU C library.
pub(crate) const AARCH64_GNU: Target = Target { triple: "aarch64-unknown-linux-gnu", ..AARCH64_MUSL };

impl Target {
    fn is_native(self) -> bool {
        self.architecture == NATIVE
    }

    fn is_musl(self) -> bool {
        self.triple.ends_with("musl")
    }

    /// The C compiler that links for it.
    fn gcc(self) -> &'static str {
        if self.is_native() { "gcc" } else { self.cross }
    }
}

/// A compiler in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cached {
    root: PathBuf,
}

impl Cached {
    /// What to start.
    pub(crate) fn rustc(&self) -> PathBuf {
        self.root.join("rustc")
    }

    /// Whether it has the standard library of `target`.
    pub(crate) fn has(&self, target: &str) -> bool {
        self.stamp(target).is_file()
    }

    fn stamp(&self, target: &str) -> PathBuf {
        self.root.join(format!("{target}.stamp"))
    }

    fn libraries(&self, target: &str) -> PathBuf {
        self.root.join("usr/lib/rustlib").join(target).join("lib")
    }

    /// The sources of the standard library, in the one folder that Debian's package has.
    fn sources(&self) -> Result<PathBuf> {
        let sources = self.root.join("usr/lib/rustlib/src/rust").canonicalize();
        Ok(sources.context("rust-web-src has no sources where they are looked for")?.join("library"))
    }
}

fn cache() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.filter(|folder| folder.is_absolute());
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("orlop/rust"))
}

/// The compiler that the last set-up made or checked; `None` when there was none.
///
/// # Errors
/// When there is no place for a cache.
pub(crate) fn current() -> Result<Option<Cached>> {
    let cache = cache()?;
    let name = fs::read_to_string(cache.join("current")).ok();
    Ok(name.map(|name| Cached { root: cache.join(name.trim()) }).filter(|cached| cached.rustc().is_file()))
}

/// Makes sure that the standard library of each target is in the cache, made from the packages to be had today.
///
/// # Errors
/// When a package cannot be had, or the library cannot be built.
pub(crate) fn ensure(workspace: &Workspace, targets: &[Target]) -> Result<()> {
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    // Two set-ups at once would unpack into one folder.
    let lock = File::create(cache.join("lock")).context("cannot make a file in the cache")?;
    lock.lock().context("cannot lock the cache")?;
    let native = Archive::native();
    let compiler = native.compiler()?;
    let cached = Cached { root: cache.join(folder_name(&compiler)) };
    if !cached.rustc().is_file() {
        unpack_compiler(&native, &compiler, &cached)?;
    }
    for target in targets {
        let foreign = (!target.is_native()).then(|| Archive::foreign(target.architecture, &cache.join("apt")));
        let foreign = foreign.transpose()?;
        library(workspace, foreign.as_ref().unwrap_or(&native), &compiler, &cached, *target)?;
    }
    let name = cached.root.file_name().unwrap_or_default().display().to_string();
    fs::write(cache.join("current"), name).context("cannot write into the cache")
}

/// Without signs that a shell or a linker might read as something else.
fn folder_name(compiler: &[Package]) -> String {
    let rustc = compiler.iter().find(|package| package.name == "rustc-web");
    let version = rustc.map_or("", |package| package.version.as_str());
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("rustc-web-{}", version.chars().map(plain).collect::<String>())
}

fn unpack_compiler(archive: &Archive, compiler: &[Package], cached: &Cached) -> Result<()> {
    println!("  Debian's Rust compiler: about 140 MB to fetch, once");
    let partial = beside(&cached.root, "partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
    }
    archive.unpack(compiler, &partial)?;
    let starter = partial.join("rustc");
    fs::write(&starter, STARTER).with_context(|| format!("cannot write {}", starter.display()))?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
    fs::rename(&partial, &cached.root).with_context(|| format!("cannot make {}", cached.root.display()))
}

/// It is not installed, so the loader does not know where its libraries are.
const STARTER: &str = "#!/bin/sh
here=$(dirname \"$0\")
exec env LD_LIBRARY_PATH=\"$(echo \"$here\"/usr/lib/*-linux-gnu)\" \"$here/usr/bin/rustc\" \"$@\"
";

fn library(
    workspace: &Workspace,
    archive: &Archive,
    compiler: &[Package],
    cached: &Cached,
    target: Target,
) -> Result<()> {
    let packages = if target.is_musl() { archive.musl()? } else { archive.gnu_library()? };
    let gcc = command::captured(Command::new(target.gcc()).arg("-dumpfullversion"))?;
    let stamp = stamp(compiler, &packages, gcc.trim());
    if fs::read_to_string(cached.stamp(target.triple)).is_ok_and(|made_from| made_from == stamp) {
        println!("  {}: there", target.triple);
        return Ok(());
    }
    let unpacked = cached.root.join(format!("{}-packages", target.triple));
    archive.unpack(&packages, &unpacked)?;
    let libraries = cached.libraries(target.triple);
    if libraries.exists() {
        fs::remove_dir_all(&libraries).with_context(|| format!("cannot remove {}", libraries.display()))?;
    }
    if target.is_musl() {
        println!("  the standard library for {}: one or two minutes, once", target.triple);
        build(workspace, cached, target, &libraries)?;
        start_files(target, &unpacked, &libraries.join("self-contained"))?;
    } else {
        copy_all(&unpacked.join("usr/lib/rustlib").join(target.triple).join("lib"), &libraries)?;
    }
    fs::remove_dir_all(&unpacked).with_context(|| format!("cannot remove {}", unpacked.display()))?;
    fs::write(cached.stamp(target.triple), stamp).context("cannot write into the cache")
}

/// Everything that the library of a target is made from.
fn stamp(compiler: &[Package], packages: &[Package], gcc: &str) -> String {
    let lines = compiler.iter().chain(packages).map(|Package { name, version }| format!("{name} {version}"));
    let rest = [format!("gcc {gcc}"), format!("recipe {RECIPE}")];
    lines.chain(rest).map(|line| line + "\n").collect()
}

/// Builds the standard library as its own project does, with every byte that names a folder of this machine remapped.
fn build(workspace: &Workspace, cached: &Cached, target: Target, libraries: &Path) -> Result<()> {
    let sources = cached.sources()?;
    let output = cached.root.join(format!("{}-build", target.triple));
    let release = sources.parent().and_then(Path::file_name).unwrap_or_default().display();
    let home = cargo_home()?;
    command::run(workspace.cargo("fetch").arg("--locked").current_dir(&sources).env("RUSTC_BOOTSTRAP", "1"))?;
    let mut prefixes = vec![(home.clone(), "/cargo".to_owned())];
    prefixes.extend(registries(&home)?.into_iter().map(|folder| (folder, "/cargo/registry".to_owned())));
    prefixes.push((sources.clone(), format!("/usr/src/{release}/library")));
    let flags: Vec<String> = ["-Cembed-bitcode=yes", "-Zforce-unstable-if-unmarked"]
        .map(str::to_owned)
        .into_iter()
        .chain(remapped(&prefixes)?)
        .collect();
    let mut cargo = workspace.cargo("build");
    cargo
        .current_dir(&sources)
        .args(["--release", "--locked", "--package", "sysroot", "--features", FEATURES])
        .args(["--target", target.triple, "--target-dir"])
        .arg(&output)
        .env("RUSTC", cached.rustc())
        // The library uses what is not stable; nothing that is built with it later may.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_DEFAULT_LIB_METADATA", "orlop")
        // Small, as our own crates are.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("RUSTFLAGS", flags.join(" "));
    command::run(&mut cargo).with_context(|| format!("cannot build the standard library for {}", target.triple))?;
    let built = output.join(target.triple).join("release/deps");
    fs::create_dir_all(libraries).with_context(|| format!("cannot make {}", libraries.display()))?;
    for entry in fs::read_dir(&built).with_context(|| format!("no {}", built.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rlib") {
            copy(&path, libraries)?;
        }
    }
    fs::remove_dir_all(&output).with_context(|| format!("cannot remove {}", output.display()))
}

/// What rustc links around a musl program itself: start files, the C library, an unwinder.
fn start_files(target: Target, unpacked: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let musl = unpacked.join(format!("usr/lib/{}-musl", target.folder));
    for name in ["crt1.o", "rcrt1.o", "Scrt1.o", "crti.o", "crtn.o", "libc.a"] {
        copy(&musl.join(name), folder)?;
    }
    for name in ["crtbegin.o", "crtbeginS.o", "crtbeginT.o", "crtend.o", "crtendS.o"] {
        let path = command::captured(Command::new(target.gcc()).arg(format!("-print-file-name={name}")))?;
        copy(Path::new(path.trim()), folder)?;
    }
    let unwinder = folder.join("libunwind.a");
    let found =
        fs::read_dir(unpacked.join("usr/lib"))?.filter_map(|entry| Some(entry.ok()?.path().join("lib/libunwind.a")));
    let Some(found) = found.into_iter().find(|path| path.is_file()) else { bail!("no libunwind.a in its package") };
    fs::copy(&found, &unwinder).with_context(|| format!("cannot copy {}", found.display()))?;
    let source = folder.join("fortified.c");
    fs::write(&source, FORTIFIED)?;
    let object = folder.join("fortified.o");
    let compile = ["-Os", "-fPIC", "-ffreestanding", "-c"];
    command::run(Command::new(target.gcc()).args(compile).arg(&source).arg("-o").arg(&object))?;
    // Deterministic, like everything else in here: no dates, no owners.
    let archiver = target.gcc().replace("gcc", "ar");
    command::run(Command::new(archiver).arg("rD").arg(&unwinder).arg(&object))?;
    for file in [source, object] {
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

/// Debian's unwinder was compiled against the GNU C library, and calls one function that musl does not have.
const FORTIFIED: &str = "int vfprintf(void *, const char *, __builtin_va_list);
int __fprintf_chk(void *stream, int flag, const char *format, ...) {
    __builtin_va_list arguments;
    (void)flag;
    __builtin_va_start(arguments, format);
    int written = vfprintf(stream, format, arguments);
    __builtin_va_end(arguments);
    return written;
}
";

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let name = file.file_name().with_context(|| format!("{} is no file", file.display()))?;
    fs::copy(file, folder.join(name)).map(drop).with_context(|| format!("cannot copy {}", file.display()))
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let path = entry?.path();
        if path.is_file() {
            copy(&path, to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.to_owned(), version: version.to_owned() }
    }

    #[test]
    fn a_compilers_folder_has_its_version_and_no_sign_that_a_shell_reads() {
        let compiler = [package("libllvm22", "1:22"), package("rustc-web", "1.96.0+dfsg1-1~deb12u2")];
        assert_eq!(folder_name(&compiler), "rustc-web-1.96.0-dfsg1-1-deb12u2");
    }

    #[test]
    fn another_version_of_anything_makes_another_stamp() {
        let (rustc, musl) = ([package("rustc-web", "1")], [package("musl-dev", "1")]);
        let made = stamp(&rustc, &musl, "12.2.0");
        assert_eq!(made, format!("rustc-web 1\nmusl-dev 1\ngcc 12.2.0\nrecipe {RECIPE}\n"));
        for (what, other) in [
            ("compiler", stamp(&[package("rustc-web", "2")], &musl, "12.2.0")),
            ("C library", stamp(&rustc, &[package("musl-dev", "2")], "12.2.0")),
            ("start files", stamp(&rustc, &musl, "12.3.0")),
        ] {
            assert_ne!(made, other, "{what}");
        }
    }
}
