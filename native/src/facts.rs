//! What the program is told at the start and never again.
use crate::api::Access;
use crate::protocol::{Abilities, Facts, StartProblem};
use crate::{start_lock, sys};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::{env, fs, io, process};

const PREFIX: &str = "K8S_AWAIT_ELECTION_";

/// Takes the start lock on the way, where the pod and the Lease are known. There is an `access` only
/// for an election.
pub fn gather(
    argv: &[OsString],
    problem: Option<StartProblem>,
    access: Option<&Access>,
) -> io::Result<Facts> {
    let mut chance = [0; 20];
    sys::random(&mut chance)?;
    let (seed, incarnation) = chance.split_at(4);
    let is_pid1 = process::id() == 1;
    let host_name = host_name();
    Ok(Facts {
        seed: seed.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
        incarnation: incarnation
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        variables: own_variables(),
        has_command: !argv.is_empty(),
        command_problem: problem,
        pod_uid: access.and_then(|access| access.pod_uid.clone()),
        pod_name: access.and_then(|access| access.pod_name.clone()),
        is_pid1,
        abilities: Abilities {
            // A parent's death is signalled to the command alone, not to what it started, so only being
            // PID 1 ties the whole tree to us.
            tree_dies_with_host: is_pid1,
            reaps_orphans: true,
            sole_holder: access.is_some_and(|access| is_sole_holder(access, &host_name)),
        },
        host_name,
        version: env!("CARGO_PKG_VERSION"),
        api_problem: access.and_then(|access| access.problem.clone()),
    })
}

/// Whether an election was asked for: the rule of `src/core/settings.ts`.
pub fn is_enabled() -> bool {
    own("ENABLED").is_some()
}

/// One of our variables, if it is set and not empty.
pub fn own(name: &str) -> Option<String> {
    let value = env::var_os(format!("{PREFIX}{name}"))?;
    (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
}

fn own_variables() -> BTreeMap<String, String> {
    let all = env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    });
    all.filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim_end().to_owned()
}

fn is_sole_holder(access: &Access, host_name: &str) -> bool {
    let (Some(pod_uid), Some(pod_name)) = (&access.pod_uid, &access.pod_name) else {
        return false;
    };
    let (Some(namespace), Some(lease)) = (own("LOCK_NAMESPACE"), own("LOCK_NAME")) else {
        return false;
    };
    is_host_name_of(pod_name, host_name) && start_lock::hold(pod_uid, &namespace, &lease)
}

/// With `hostNetwork` the pod has the name of its node, and shares its network. The kubelet cuts a long
/// pod name at 63 characters, and then dots and dashes at the end.
fn is_host_name_of(pod_name: &str, host_name: &str) -> bool {
    let start: String = pod_name.chars().take(63).collect();
    host_name == start.trim_end_matches(['-', '.'])
}
