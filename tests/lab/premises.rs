//! What the scenarios take for granted, each seen by tools that are not mxray.
//!
//! A scenario that fails beside a premise that holds is mxray's fault.

use anyhow::{Result, ensure};
use mxray::sim::middlebox::Behaviour;

use crate::dns;
use crate::middlebox::Placed;
use crate::mta::{self, Site};
use crate::oracle;
use crate::process;
use crate::topology::{CLEAN, CLIENT, NAMESPACES, RESOLVER, STRIPPING_RESOLVER};
use crate::world::World;

/// A premise, and how it is seen to hold.
pub(crate) type Premise = (&'static str, fn(&World) -> Result<()>);

/// All of them.
pub(crate) const ALL: [Premise; 5] = [
    ("premise: nothing leads out of the lab", nothing_leads_out),
    ("premise: one resolver validates, and tells the zones apart", resolver_validates),
    ("premise: the other resolver hands no signatures on", resolver_strips),
    ("premise: a box that changes nothing is not noticed", pass_is_not_noticed),
    ("premise: a box hides STARTTLS on its own path only", box_hides_on_its_path),
];

fn nothing_leads_out(_: &World) -> Result<()> {
    for namespace in NAMESPACES {
        for family in ["-4", "-6"] {
            let mut ip = process::command(namespace, "ip");
            let routes = process::run(ip.args([family, "route", "show", "default"]))?;
            ensure!(routes.is_empty(), "{namespace} has a default route: {routes}");
        }
    }
    let links = process::run(std::process::Command::new("ip").args(["-brief", "link"]))?;
    ensure!(links.lines().count() == 1, "the sandbox has more than a loopback: {links}");
    Ok(())
}

fn resolver_validates(_: &World) -> Result<()> {
    let secure = dns::ask(RESOLVER, mta::POSTFIX.domain, "MX")?;
    ensure!(secure.contains("rd ra ad;") && secure.contains("RRSIG"), "{secure}");
    let insecure = dns::ask(RESOLVER, dns::INSECURE, "MX")?;
    ensure!(insecure.contains("rd ra;") && insecure.contains("NOERROR"), "{insecure}");
    let bogus = dns::ask(RESOLVER, dns::BOGUS, "MX")?;
    ensure!(bogus.contains("SERVFAIL"), "{bogus}");
    Ok(())
}

fn resolver_strips(_: &World) -> Result<()> {
    for (name, rrtype) in [(".", "DNSKEY"), (mta::POSTFIX.domain, "MX")] {
        let answer = dns::ask(STRIPPING_RESOLVER, name, rrtype)?;
        ensure!(answer.contains("NOERROR") && !answer.contains("RRSIG"), "{answer}");
    }
    Ok(())
}

fn pass_is_not_noticed(world: &World) -> Result<()> {
    for site in [&mta::POSTFIX, &mta::EXIM, &mta::OPENSMTPD] {
        let both = [site.ipv4, site.ipv6];
        let placed = Placed::on_path(Behaviour::Pass, &both, &world.authority.file)?;
        for address in both {
            let ca = &world.authority.file;
            let before = placed.redirected()?;
            let through = oracle::handshake(CLIENT, site.host, address, ca)?;
            ensure!(placed.redirected()? == before + 1, "{address}: not redirected");
            let around = oracle::handshake(CLEAN, site.host, address, ca)?;
            ensure!(through == around, "{address}: {through:?} but without a box {around:?}");
            ensure!(placed.redirected()? == before + 1, "{address}: {CLEAN} is not clean");
        }
    }
    Ok(())
}

fn box_hides_on_its_path(world: &World) -> Result<()> {
    for site in [&mta::POSTFIX, &mta::EXIM, &mta::OPENSMTPD] {
        let Site { ipv4, ipv6, .. } = site;
        let placed = Placed::on_path(Behaviour::DropKeyword, &[ipv4], &world.authority.file)?;
        ensure!(!oracle::offers_starttls(CLIENT, ipv4)?, "{ipv4}: not hidden");
        ensure!(oracle::offers_starttls(CLIENT, ipv6)?, "{ipv6}: hidden");
        ensure!(oracle::offers_starttls(CLEAN, ipv4)?, "{ipv4}: hidden from {CLEAN}");
        ensure!(placed.redirected()? == 1, "not redirected once");
    }
    Ok(())
}
