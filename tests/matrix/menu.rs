//! Every box of the menu × families × servers × extent.

use mxray::model::probe::Family;
use mxray::sim::internet::Path;
use mxray::sim::middlebox::{Behaviour, Scope};
use mxray::sim::server::{Profile, Software};

use crate::common::{HOST, addresses};
use crate::truth::{Extent, permitted};
use crate::world::{Row, everywhere, of_family, target, with_controls};

const SERVERS: [Software; 5] =
    [Software::Postfix, Software::Exim, Software::OpenSmtpd, Software::Gmail, Software::Exchange];

const FAMILIES: [&[Family]; 3] = [&[Family::Ipv4], &[Family::Ipv6], &[Family::Ipv4, Family::Ipv6]];

/// All of it. Waiting for silence takes seconds and is the same with every
/// server: those rows have the first only.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for behaviour in Behaviour::ALL {
        let servers = if is_silent(behaviour) { &SERVERS[..1] } else { &SERVERS[..] };
        for families in FAMILIES {
            for extent in [Extent::Target, Extent::NearVantage] {
                rows.extend(servers.iter().map(|server| row(behaviour, families, extent, *server)));
            }
        }
    }
    rows
}

fn is_silent(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::SilenceAfterStarttls | Behaviour::SilenceAtClientHello)
}

fn row(behaviour: Behaviour, families: &[Family], extent: Extent, software: Software) -> Row {
    let paths = match extent {
        Extent::NearVantage => everywhere(families),
        Extent::Target => {
            let own = families.iter().map(|family| of_family(addresses(), *family));
            own.map(Path::Address).collect()
        }
    };
    let mut internet = target(with_controls(), Profile::new(software, HOST));
    for path in paths {
        internet = internet.box_on(path, behaviour, Scope::default());
    }
    let labels: Vec<_> = families.iter().map(|family| family.label()).collect();
    let name = format!("{behaviour}, {}, {extent:?}, {software:?}", labels.join("+"));
    let row = Row::new(behaviour.name(), name, internet);
    let row = row.permits(permitted(behaviour, families, extent, software));
    let row = if behaviour == Behaviour::Inject { row.raises("clear-text-after-220") } else { row };
    let row = if behaviour == Behaviour::Pass { row.innocent() } else { row };
    if is_silent(behaviour) { row.impatient() } else { row }
}
