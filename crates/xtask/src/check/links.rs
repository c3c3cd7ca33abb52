//! The pages of the repository lead somewhere, and the first one is short.
//!
//! A relative link must name a file or folder that is there, and what follows `#` must be a heading of that page. Links to other
//! places (`https:`) are not followed: the checks ask no network.

use std::collections::BTreeSet;

use super::Finding;

/// The most bytes of README.md: what a stranger reads before deciding. What is longer belongs to the page of its part.
const MAX_README: usize = 10_000;

/// What is wrong with the links of the page at `path`.
///
/// `exists` tells whether a path in the repository is there; `page` gives the text of one that is a page.
pub(crate) fn findings(
    path: &str,
    text: &str,
    exists: &dyn Fn(&str) -> bool,
    page: &dyn Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let problem = |target: &str| {
        let (file, heading) = target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
        let Some(wanted) = (if file.is_empty() { Some(path.to_owned()) } else { resolved(path, file) }) else {
            return Some(format!("links to `{target}`, which is outside of the repository"));
        };
        if !exists(&wanted) {
            return Some(format!("links to `{target}`, but there is no {wanted}"));
        }
        let heading = heading?;
        let text = page(&wanted).unwrap_or_default();
        (!headings(&text).contains(heading)).then(|| format!("links to `{target}`, but {wanted} has no such heading"))
    };
    let links = links(text);
    links.iter().filter_map(|target| problem(target)).map(|problem| Finding::new(path, problem)).collect()
}

/// Whether README.md is one that a stranger reads to its end.
pub(crate) fn too_long(path: &str, text: &str) -> Option<Finding> {
    let length = text.len();
    (path == "README.md" && length > MAX_README).then(|| {
        Finding::new(path, format!("{length} bytes, more than {MAX_README}: move the rest to the page of its part"))
    })
}

/// Where the relative links of a page lead: `[words](target)`, `![picture](target)`, `[name]: target`, `src="target"`.
pub(crate) fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in outside_code(text) {
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let quoted = ["src=\"", "href=\"", "srcset=\""]
            .into_iter()
            .flat_map(|attribute| line.split(attribute).skip(1))
            .filter_map(|rest| rest.split('"').next());
        let defined = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
        links.extend(inline.chain(quoted).chain(defined).filter(|target| is_relative(target)).map(str::to_owned));
    }
    links
}

/// Not one with a scheme, as `https://…` and `mailto:…`.
fn is_relative(target: &str) -> bool {
    !target.is_empty() && !target.split('/').next().unwrap_or_default().contains(':')
}

/// The path in the repository to which a page's link leads, if it does not leave the repository.
fn resolved(page: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        return None;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The names by which the headings of a page are linked to, as GitHub makes them.
fn headings(text: &str) -> BTreeSet<String> {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let name = |line: String| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    outside_code(text).filter(|line| line.starts_with('#')).map(name).collect()
}

/// The lines that are no code. What stands between backticks within a line goes, too.
fn outside_code(text: &str) -> impl Iterator<Item = String> {
    let mut in_block = false;
    text.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            return None;
        }
        // A heading's words count also where they are code.
        let whole = || line.replace('`', "");
        let prose = || line.split('`').step_by(2).collect::<Vec<_>>().join("");
        (!in_block).then(|| if line.starts_with('#') { whole() } else { prose() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page of `ours`\n\nSee [the map](../crates/README.md#the-map), ![a chart](chart.svg), [below](#a-page-of-ours) and\n\
        [elsewhere](https://example.org/gone.md) or `[code](gone.md)`.\n```\n[block](gone.md)\n```\n<img src=\"picture.svg\">\n\
        [defined]: far/away.md\n";

    #[test]
    fn relative_links_outside_code_are_found_in_every_form() {
        let want = ["../crates/README.md#the-map", "chart.svg", "#a-page-of-ours", "picture.svg", "far/away.md"];
        assert_eq!(links(PAGE), want);
    }

    fn told(exists: &[&str], map: &str) -> Vec<String> {
        let page = |path: &str| match path {
            "docs/page.md" => Some(PAGE.to_owned()),
            "crates/README.md" => Some(map.to_owned()),
            _ => None,
        };
        let found = findings("docs/page.md", PAGE, &|path| exists.contains(&path), &page);
        found.into_iter().map(|finding| finding.problem).collect()
    }

    const ALL: &[&str] =
        &["docs/page.md", "crates/README.md", "docs/chart.svg", "docs/picture.svg", "docs/far/away.md"];

    #[test]
    fn a_page_whose_links_lead_somewhere_is_fine() {
        assert_eq!(told(ALL, "# The map\n"), [""; 0]);
    }

    #[test]
    fn a_file_that_is_not_there_is_found() {
        assert_eq!(told(&ALL[..4], "# The map\n"), ["links to `far/away.md`, but there is no docs/far/away.md"]);
    }

    #[test]
    fn a_heading_that_is_not_there_is_found() {
        assert_eq!(
            told(ALL, "# A map\n"),
            ["links to `../crates/README.md#the-map`, but crates/README.md has no such heading"]
        );
    }

    #[test]
    fn a_link_out_of_the_repository_is_found() {
        for (what, link) in [("above it", "../../etc/passwd"), ("from the root", "/etc/passwd")] {
            let found = findings("docs/page.md", &format!("[x]({link})"), &|_| true, &|_| None);
            assert_eq!(found.len(), 1, "{what}");
        }
    }

    #[test]
    fn only_the_first_page_has_to_be_short() {
        let (fits, long) = ("x".repeat(MAX_README), "x".repeat(MAX_README + 1));
        for (what, path, text, want) in [
            ("at the limit", "README.md", &fits, false),
            ("one over", "README.md", &long, true),
            ("the page of a part", "crates/some/README.md", &long, false),
        ] {
            assert_eq!(too_long(path, text).is_some(), want, "{what}");
        }
    }
}
