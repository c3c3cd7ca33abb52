use super::Problem;

/// A name as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) prefix: Option<&'a str>,
    pub(super) local: &'a str,
}

impl<'a> Name<'a> {
    /// The name that `text` is: at most one colon, nothing empty around it, and no character that has a meaning of its own. Which letters
    /// XML allows beyond that decides nothing here.
    pub(super) fn read(text: &'a str) -> Result<Self, Problem> {
        let (prefix, local) = text.split_once(':').map_or((None, text), |(prefix, local)| (Some(prefix), local));
        let is_fine = |part: &str| {
            let first = part.chars().next();
            first.is_some_and(|c| c.is_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        };
        let all = is_fine(local) && prefix.is_none_or(is_fine);
        all.then_some(Self { prefix, local }).ok_or(Problem::Malformed)
    }
}

/// Which namespaces prefixes stand for, inside an element: a declaration holds until the element ends.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    /// The prefix, `None` for the default; the namespace, empty for none.
    declared: Vec<(Option<&'a str>, String)>,
}

impl<'a> Scope<'a> {
    pub(super) fn declare(&mut self, prefix: Option<&'a str>, namespace: String) {
        self.declared.push((prefix, namespace));
    }

    /// How many declarations hold; given to [`Scope::leave`] where those that follow end.
    pub(super) fn len(&self) -> usize {
        self.declared.len()
    }

    pub(super) fn leave(&mut self, len: usize) {
        self.declared.truncate(len);
    }

    /// The namespace of an element's name. An element without a prefix may be in none.
    pub(super) fn namespace(&self, prefix: Option<&str>) -> Result<Option<String>, Problem> {
        let found = self.declared.iter().rev().find(|(its, _)| *its == prefix).map(|(_, namespace)| namespace);
        match (prefix, found) {
            (_, Some(namespace)) if !namespace.is_empty() => Ok(Some(namespace.clone())),
            (None, _) => Ok(None),
            (Some(_), _) => Err(Problem::Prefix),
        }
    }
}
