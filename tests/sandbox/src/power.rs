//! What a target's capability is worth: which attacks it makes possible when nothing else holds its owner, and that none of
//! them comes through all layers.

use anyhow::{Result, ensure};

use crate::arena::Arena;
use crate::arena::trial::Outcome;
use crate::attack::{self, Attack, End};
use crate::column::Column;
use crate::table;
use crate::target::Target;

/// What became of every attack by the owner of a capability.
pub struct Power {
    /// Those that succeed with the target's user and capability, and nothing that holds it.
    pub bare: Vec<&'static Attack>,
    /// Those of them that fail without the capability.
    pub by_capability: Vec<&'static Attack>,
    /// Those of the former that come through the target's whole profile.
    pub through: Vec<&'static Attack>,
}

/// Runs every attack as the bare target, as the same user without the capability, and as the target.
///
/// # Errors
/// When the arena fails, or the target has no capability.
pub fn measure(arena: &mut Arena, target: &'static Target) -> Result<Power> {
    ensure!(!target.profile.keep.is_empty(), "the {} has no capability", target.title);
    let columns = [Column::bare(target), Column::powerless(target), Column::whole(target)];
    let mut outcomes = columns.iter().map(|column| table::outcomes(arena, column)).collect::<Result<Vec<_>>>()?;
    let (whole, powerless, bare) = (outcomes.pop(), outcomes.pop(), outcomes.pop());
    let succeeds = |outcomes: &Option<Vec<Outcome>>, at: usize| {
        outcomes.as_ref().and_then(|outcomes| outcomes.get(at)) == Some(&Outcome::Succeeded)
    };
    let attacks = || attack::all().enumerate().filter(|(at, _)| succeeds(&bare, *at));
    let is_attack = |attack: &Attack| !matches!(target.end(attack), End::Purpose(_));
    Ok(Power {
        bare: attacks().map(|(_, attack)| attack).collect(),
        by_capability: attacks().filter(|(at, _)| !succeeds(&powerless, *at)).map(|(_, attack)| attack).collect(),
        through: attacks()
            .filter(|(at, attack)| succeeds(&whole, *at) && is_attack(attack))
            .map(|(_, one)| one)
            .collect(),
    })
}

/// Prints the measurement. Whether the capability is worth something, and nothing of that comes through.
///
/// # Errors
/// As [`measure`].
pub fn report(arena: &mut Arena, target: &'static Target) -> Result<bool> {
    let Power { bare, by_capability, through } = measure(arena, target)?;
    for Attack { name, means, .. } in &by_capability {
        println!("{name:<32} {means}");
    }
    for Attack { name, .. } in &through {
        println!("THROUGH: {name}");
    }
    println!(
        "\n{} attacks succeed with the user and capability of the {}, {} of them because of the capability; \
         {} come through its other layers",
        bare.len(),
        target.title,
        by_capability.len(),
        through.len()
    );
    Ok(through.is_empty() && !by_capability.is_empty())
}
