//! The command line of LinuxKit's component: `sysctl [-configDir DIR] [-sysctlDir DIR]`, as Go writes options.

use std::ffi::OsString;
use std::path::PathBuf;

use orlop_sandbox::fatal::Fatal;
use orlop_sysctl_contract::Dialect;

use super::{Invocation, Run, help, mistake};
use crate::sources::{Folders, Wanted};
use orlop_sysctl_profiles::DAEMON;

/// Where it looks by itself.
const CONFIG_DIR: &str = "/etc/sysctl.d";

/// Understands what follows the program's name.
pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, Fatal> {
    // Its keys were never asked whether they can be taken back.
    let mut run = Run { dialect: Dialect::LinuxKit, lock: true, ..Run::default() };
    let mut folder = PathBuf::from(CONFIG_DIR);
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        if !text.starts_with('-') {
            // There Go's options end, and LinuxKit's program looks at nothing else.
            break;
        }
        let option = text.strip_prefix("--").or_else(|| text.strip_prefix('-')).unwrap_or_default();
        let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let place = match name {
            "configDir" => &mut folder,
            "sysctlDir" => &mut run.sysctl_dir,
            "V" | "version" => {
                return Ok(Invocation::Print(format!("sysctl ({})\n", orlop_broker::version_line(&DAEMON).trim_end())));
            }
            "h" | "help" => return Ok(Invocation::Print(help::LINUXKIT.to_owned())),
            _ => {
                let problem = format!("{} is nothing that LinuxKit's sysctl knows", argument.display());
                return Err(mistake(problem, "-configDir DIR and -sysctlDir DIR; for more, call it orlop-sysctl"));
            }
        };
        let value = value.map(OsString::from).or_else(|| arguments.next());
        *place = value.ok_or_else(|| mistake(format!("-{name} needs a folder"), format!("-{name} DIR")))?.into();
    }
    run.wanted = Wanted { folders: Folders::AllOf(folder), ..Wanted::default() };
    Ok(Invocation::Run(run))
}
