//! What the logs of containers are called. Pure.

use std::collections::HashSet;

use crate::container::{Container, List};

/// The files of a container's errors and of its output, for each of them. They are LinuxKit's names: `dhcpcd.log` and
/// `dhcpcd.out.log`, with `onboot.` and `onshutdown.` before those that are no services. Where two containers would have the
/// same file, as the services `a` and `a.out`, the later one has a number in its names.
#[must_use]
pub fn names(containers: &[Container]) -> Vec<(String, String)> {
    let mut taken = HashSet::new();
    let mut all = Vec::new();
    for container in containers {
        let name = match container.list {
            List::Services => container.name.clone(),
            list @ (List::Onboot | List::Onshutdown) => format!("{}.{}", list.name(), container.name),
        };
        // Each of those before takes two names, so that one of so many is free.
        let numbers = 2..=2 * containers.len() + 2;
        let stems = std::iter::once(name.clone()).chain(numbers.map(|number| format!("{name}-{number}")));
        let mut files = stems.map(|stem| (format!("{stem}.log"), format!("{stem}.out.log")));
        let free = files.find(|(errors, output)| !taken.contains(errors) && !taken.contains(output));
        let (errors, output) = free.unwrap_or_default();
        taken.extend([errors.clone(), output.clone()]);
        all.push((errors, output));
    }
    all
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::container::Config;

    #[test]
    fn no_two_containers_write_to_one_file() {
        let named = [
            (List::Onboot, "000-dhcpcd"),
            (List::Services, "a"),
            (List::Services, "a.out"),
            (List::Services, "a.out-2"),
            (List::Services, "onboot.000-dhcpcd"),
            (List::Onshutdown, "000-dhcpcd"),
        ];
        let containers: Vec<Container> = named
            .iter()
            .map(|(list, name)| Container::new(*list, name, &Config::default(), Duration::from_secs(1)).0)
            .collect();
        let names = names(&containers);
        let all: HashSet<&String> = names.iter().flat_map(|(errors, output)| [errors, output]).collect();
        assert_eq!(all.len(), 2 * named.len(), "{names:?}");
        let errors: Vec<&str> = names.iter().map(|(errors, _)| errors.as_str()).collect();
        let want = [
            "onboot.000-dhcpcd.log",
            "a.log",
            "a.out-2.log",
            "a.out-2-2.log",
            "onboot.000-dhcpcd-2.log",
            "onshutdown.000-dhcpcd.log",
        ];
        assert_eq!(errors, want);
        assert_eq!(names[1].1, "a.out.log");
    }
}
