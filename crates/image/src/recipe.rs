//! A recipe: which files an image has, what it starts, and what LinuxKit grants it.

use std::fs;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::{Exit, Fatal};
use serde::Deserialize;

use crate::label::{BadLabel, Label, is_plain_path};
use crate::tree::{FOLDER_MODE, Node, Tree};

/// The file in a folder of `packaging/images` that is read.
pub const FILE_NAME: &str = "recipe.toml";

/// Folders that every container runtime mounts something on; a read-only image must have them.
const MOUNT_POINTS: [&str; 3] = ["/dev", "/proc", "/sys"];

/// A recipe as its author types it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: String,
    description: String,
    command: Vec<String>,
    #[serde(default)]
    program: Vec<ProgramEntry>,
    #[serde(default)]
    file: Vec<FileEntry>,
    #[serde(default)]
    link: Vec<LinkEntry>,
    #[serde(default)]
    directory: Vec<DirectoryEntry>,
    label: Label,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramEntry {
    path: String,
    binary: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    path: String,
    source: String,
    mode: Mode,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkEntry {
    path: String,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectoryEntry {
    path: String,
    mode: Mode,
}

/// Permission bits, written in octal, that nobody but root can write with and no one gains privileges by.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Mode(u32);

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mode = u32::from_str_radix(&text, 8).ok().filter(|_| text.len() == 4 && text.starts_with('0'));
        match mode {
            Some(mode) if mode & 0o022 == 0 => Ok(Self(mode)),
            Some(_) => Err(format!("mode {text} lets others than root write")),
            None => Err(format!("mode {text:?} is not four octal digits such as \"0644\"")),
        }
    }
}

/// What is wrong with a recipe.
#[derive(Debug, thiserror::Error)]
pub enum BadRecipe {
    /// It, or a file that it names, cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// Not TOML, or not a recipe.
    #[error("{0}")]
    Syntax(String),
    /// Its name is not that of its folder.
    #[error("its name is {name}, but its folder is {folder}")]
    Name {
        /// In the file.
        name: String,
        /// Of the folder.
        folder: String,
    },
    /// Relative, or with `.` or `..`.
    #[error("{0} is not a plain absolute path")]
    Path(String),
    /// Two entries want the same path.
    #[error("{0} is there twice, or is the folder of another entry")]
    Taken(String),
    /// A file from elsewhere than the recipe's folder.
    #[error("source {0} is not a file beside the recipe")]
    Source(String),
    /// A link to nothing.
    #[error("link {path} points to {to}, which the image does not have")]
    Dangling {
        /// The link.
        path: String,
        /// Its target.
        to: String,
    },
    /// The command starts nothing.
    #[error("the command starts {0}, which the image does not have")]
    Command(String),
    /// See [`BadLabel`].
    #[error("label: {0}")]
    Label(#[from] BadLabel),
}

/// A program of an image, built by cargo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it lies in the image.
    pub path: String,
    /// Its file name in cargo's folder.
    pub binary: String,
}

/// A recipe that can be built.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The image's name, without a registry and a tag.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// What is started: absolute path and arguments.
    pub command: Vec<String>,
    /// What cargo builds.
    pub programs: Vec<Program>,
    /// The label.
    pub label: Label,
    /// Everything but the programs.
    tree: Tree,
}

/// Mode of programs.
const PROGRAM_MODE: u32 = 0o755;

impl Recipe {
    /// Reads the recipe in a folder.
    ///
    /// # Errors
    /// It cannot be read or built; the message names the file and what is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, Fatal> {
        Self::read(folder).map_err(|error| {
            Fatal::new(Exit::Config, format!("{} is not a recipe to build from", folder.join(FILE_NAME).display()))
                .cause(error)
                .help("compare it with another one in packaging/images")
        })
    }

    /// As [`Self::load`], with the bare reason.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, BadRecipe> {
        let read = |path: PathBuf| fs::read(&path).map_err(|cause| BadRecipe::Read { path, cause });
        let text = String::from_utf8_lossy(&read(folder.join(FILE_NAME))?).into_owned();
        let file: File = toml::from_str(&text).map_err(|error| BadRecipe::Syntax(one_line(&error, &text)))?;
        let File { name, description, command, program, file, link, directory, label } = file;
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
        if name != folder_name {
            return Err(BadRecipe::Name { name, folder: folder_name.into_owned() });
        }
        label.check()?;
        let mut tree = Tree::default();
        // Before the mount points: a folder that is named has the mode that is named.
        for DirectoryEntry { path, mode: Mode(mode) } in directory {
            put(&mut tree, &path, Node::Directory { mode })?;
        }
        for FileEntry { path, source, mode: Mode(mode) } in file {
            if source.contains('/') || source == ".." {
                return Err(BadRecipe::Source(source));
            }
            let content = read(folder.join(&source))?;
            put(&mut tree, &path, Node::File { mode, content })?;
        }
        for mount_point in MOUNT_POINTS.into_iter().chain(label.binds().map(|bind| bind.destination)) {
            tree.put(mount_point, Node::Directory { mode: FOLDER_MODE });
        }
        for LinkEntry { path, to } in &link {
            put(&mut tree, path, Node::Link { to: to.clone() })?;
        }
        let programs: Vec<_> =
            program.into_iter().map(|ProgramEntry { path, binary }| Program { path, binary }).collect();
        let recipe = Self { name, description, command, programs, label, tree };
        // With stand-ins for the programs: paths are what can be wrong with them.
        let whole = recipe.with_programs(|_| Ok::<_, BadRecipe>(Vec::new()))?;
        for LinkEntry { path, to } in link {
            if whole.at(&target(&path, &to)).is_none() {
                return Err(BadRecipe::Dangling { path, to });
            }
        }
        let first = recipe.command.first().map_or("", String::as_str);
        match whole.at(first) {
            Some(Node::File { .. } | Node::Link { .. }) => Ok(recipe),
            Some(Node::Directory { .. }) | None => Err(BadRecipe::Command(first.to_owned())),
        }
    }

    /// The whole image's files, with the programs that `binary` gives.
    ///
    /// # Errors
    /// Those of `binary`; a program's path is taken or no plain path.
    pub fn with_programs<E: From<BadRecipe>>(
        &self,
        binary: impl Fn(&Program) -> Result<Vec<u8>, E>,
    ) -> Result<Tree, E> {
        let mut tree = self.tree.clone();
        for program in &self.programs {
            put(&mut tree, &program.path, Node::File { mode: PROGRAM_MODE, content: binary(program)? })?;
        }
        Ok(tree)
    }
}

fn put(tree: &mut Tree, path: &str, node: Node) -> Result<(), BadRecipe> {
    if !is_plain_path(path) {
        return Err(BadRecipe::Path(path.to_owned()));
    }
    if tree.put(path, node) { Ok(()) } else { Err(BadRecipe::Taken(path.to_owned())) }
}

/// Where a link at `path` leads to, as far as this needs no file system.
fn target(path: &str, to: &str) -> String {
    if to.starts_with('/') {
        return to.to_owned();
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// TOML's message in one line, with the number of the line it is about.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let message = error.message().replace('\n', " ");
    let lines = error.span().and_then(|span| text.get(..span.start)).map(|before| before.matches('\n').count() + 1);
    lines.map_or(message.clone(), |line| format!("line {line}: {message}"))
}

impl From<BadRecipe> for Fatal {
    fn from(error: BadRecipe) -> Self {
        Self::new(Exit::Config, error.to_string())
    }
}

#[cfg(test)]
mod tests;
