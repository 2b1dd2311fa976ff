//! Reports and orders as they cross the border to the program: `src/core/protocol.ts` is their
//! specification, field by field.
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Milliseconds on CLOCK_BOOTTIME.
pub type Instant = f64;

#[derive(Debug, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Order {
    Request(RequestOrder),
    Watch(WatchOrder),
    Abandon { id: String },
    Guard { at: Option<Instant> },
    Start { add_env: BTreeMap<String, String> },
    Signal { signal: String },
    Kill,
    Probe(ProbeOrder),
    Listen(ListenOrder),
    Reply(ReplyOrder),
    Print { line: String },
    Become,
    Exit { code: i32 },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestOrder {
    pub id: String,
    pub method: String,
    pub path: String,
    pub body: Option<String>,
    pub content_type: Option<String>,
    pub timeout_ms: f64,
    #[serde(default)]
    pub fresh: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchOrder {
    pub id: String,
    pub path: String,
    pub timeout_ms: f64,
    #[serde(default)]
    pub fresh: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeOrder {
    pub id: String,
    pub target: ProbeTarget,
    pub timeout_ms: f64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "by", rename_all = "camelCase")]
pub enum ProbeTarget {
    Http {
        host: String,
        port: u16,
        path: String,
    },
    Tcp {
        host: String,
        port: u16,
    },
    Exec {
        argv: Vec<String>,
    },
}

#[derive(Debug, Deserialize)]
pub struct ListenOrder {
    pub host: Option<String>,
    pub port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyOrder {
    pub id: String,
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Report {
    Tick,
    Signalled {
        signal: String,
    },
    Answered(Answer),
    Unanswered {
        id: String,
        error: String,
    },
    Opened {
        id: String,
    },
    Line {
        id: String,
        text: String,
    },
    Ended {
        id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    GuardReady {
        at: Instant,
    },
    GuardFired,
    GuardLost {
        message: String,
    },
    Started {
        pid: i32,
    },
    StartFailed(StartProblem),
    Exited(Ending),
    Emptied,
    Remaining {
        pids: Vec<i32>,
        stuck: Vec<i32>,
    },
    Probed {
        id: String,
        ok: bool,
        detail: String,
    },
    Listening,
    ListenFailed {
        message: String,
    },
    Asked {
        id: String,
        method: String,
        path: String,
    },
    BecomeFailed(StartProblem),
}

impl Report {
    /// Which exchange or probe it tells of.
    pub fn exchange(&self) -> Option<&str> {
        match self {
            Self::Answered(Answer { id, .. })
            | Self::Unanswered { id, .. }
            | Self::Opened { id }
            | Self::Line { id, .. }
            | Self::Ended { id, .. }
            | Self::Probed { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether that is over with it.
    pub fn is_last(&self) -> bool {
        matches!(
            self,
            Self::Answered(_) | Self::Unanswered { .. } | Self::Ended { .. } | Self::Probed { .. }
        )
    }
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub id: String,
    pub status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<f64>,
    pub body: String,
}

/// Why a command could not be started: `errno` is a name such as `ENOENT`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StartProblem {
    pub errno: String,
    pub message: String,
}

/// How a process ended: by a code, or by the signal of this name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Ending {
    Code { code: i32 },
    Signal { signal: String },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    pub seed: u32,
    pub incarnation: String,
    pub variables: BTreeMap<String, String>,
    pub has_command: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_problem: Option<StartProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_name: Option<String>,
    pub host_name: String,
    pub version: &'static str,
    #[serde(rename = "isPid1")]
    pub is_pid1: bool,
    pub abilities: Abilities,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_problem: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Abilities {
    pub tree_dies_with_host: bool,
    pub reaps_orphans: bool,
    pub sole_holder: bool,
}

/// Where everything that happens is told; may be used from any thread, and never blocks.
#[derive(Clone)]
pub struct Reports(UnboundedSender<Report>);

impl Reports {
    pub fn new(sender: UnboundedSender<Report>) -> Self {
        Self(sender)
    }

    /// Where nobody listens.
    pub fn nowhere() -> Self {
        Self(unbounded_channel().0)
    }

    pub fn tell(&self, report: Report) {
        // Nobody listens any more once the host is about to end.
        let _ = self.0.send(report);
    }
}
