//! Where things are in a checkout of Orlop.

use std::fs;
use std::path::{Path, PathBuf};

use orlop_sandbox::fatal::{Exit, Fatal};

/// A checkout.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub root: PathBuf,
}

/// Recipes, one folder each.
const RECIPES: &str = "packaging/images";
/// The time that everything in an image is dated, in seconds since 1970.
const EPOCH: &str = "packaging/SOURCE_DATE_EPOCH";

impl Workspace {
    /// The checkout around the current folder, else the one this program was built from.
    ///
    /// # Errors
    /// There is none.
    pub fn find() -> Result<Self, Fatal> {
        let here = std::env::current_dir().map_err(|cause| Fatal::os("there is no current folder", cause))?;
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors()
            .chain(built_from.ancestors())
            .find(|folder| folder.join(RECIPES).is_dir() && folder.join("Cargo.toml").is_file())
            .map(|root| Self { root: root.to_owned() })
            .ok_or_else(|| {
                Fatal::new(Exit::Usage, "this is no checkout of Orlop, so there are no recipes")
                    .help("cd to the repository first")
            })
    }

    /// The names of all recipes, sorted.
    ///
    /// # Errors
    /// The folder cannot be listed, or there is none.
    pub fn recipes(&self) -> Result<Vec<String>, Fatal> {
        let folder = self.root.join(RECIPES);
        let entries = fs::read_dir(&folder)
            .map_err(|cause| Fatal::new(Exit::Config, format!("cannot list {}", folder.display())).cause(cause))?;
        let mut names: Vec<String> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join(crate::recipe::FILE_NAME).is_file())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        names.sort_unstable();
        if names.is_empty() {
            return Err(Fatal::new(Exit::Config, format!("there is no recipe in {}", folder.display())));
        }
        Ok(names)
    }

    /// The folder of a recipe.
    ///
    /// # Errors
    /// There is no recipe of that name; the help lists those that there are.
    pub fn recipe(&self, name: &str) -> Result<PathBuf, Fatal> {
        let names = self.recipes()?;
        if names.iter().any(|known| known == name) {
            return Ok(self.root.join(RECIPES).join(name));
        }
        Err(Fatal::new(Exit::Usage, format!("there is no image {name}"))
            .help(format!("there are: {} (one folder each in {RECIPES})", names.join(", "))))
    }

    /// The time that everything in an image is dated: committed, so that it is the same for everybody.
    ///
    /// # Errors
    /// The file is missing or holds no number.
    pub fn epoch(&self) -> Result<u64, Fatal> {
        let path = self.root.join(EPOCH);
        let bad = |cause: String| {
            Fatal::new(Exit::Config, format!("{} does not say how images are dated", path.display()))
                .cause(cause)
                .help("it holds seconds since 1970, in digits")
        };
        let text = fs::read_to_string(&path).map_err(|cause| bad(cause.to_string()))?;
        text.trim().parse().map_err(|_| bad(format!("{:?} is no number", text.trim())))
    }

    /// Where cargo builds, unless its configuration says otherwise.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// Where images are put unless `--out` says otherwise.
    #[must_use]
    pub fn images(&self) -> PathBuf {
        self.target().join("images")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_checkout_has_recipes_and_a_date() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.recipes().unwrap().contains(&"dhcp".to_owned()));
        assert!(workspace.epoch().unwrap() > 1_700_000_000, "a time after this project began");
    }

    #[test]
    fn an_unknown_image_is_answered_with_the_known_ones() {
        let error = Workspace::find().unwrap().recipe("dhpc").unwrap_err().to_string();
        assert!(error.contains("no image dhpc") && error.contains("there are: dhcp"), "{error}");
    }
}
