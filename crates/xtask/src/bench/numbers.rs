//! Smallest, median and largest of a few numbers.

/// What is told about a series.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Summary {
    /// The smallest.
    pub(crate) min: f64,
    /// The middle one, or the mean of the middle two.
    pub(crate) median: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Summary {
    /// `None` for an empty series.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { min, median, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        for (what, numbers, want) in [
            ("odd", vec![3.0, 1.0, 2.0], Some((1.0, 2.0, 3.0))),
            ("even", vec![4.0, 1.0, 2.0, 3.0], Some((1.0, 2.5, 4.0))),
            ("one", vec![7.0], Some((7.0, 7.0, 7.0))),
            ("none", vec![], None),
        ] {
            assert_eq!(Summary::of(numbers).map(|s| (s.min, s.median, s.max)), want, "{what}");
        }
    }
}
