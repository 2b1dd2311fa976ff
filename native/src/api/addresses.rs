//! Which address of the API server to try first. DNS is advice: an address that worked stays in the
//! list when DNS fails, hangs or lies, and one that gave trouble goes to the end of it.
use super::error_text::{Trouble, code_of};
use super::offload::Offloaded;
use crate::timer;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::rc::Rc;

pub type Found = Result<Vec<IpAddr>, Trouble>;
pub type Resolve = Rc<dyn Fn(&str) -> io::Result<Offloaded<Found>>>;

/// How long DNS is waited for while an address that worked is known.
const PATIENCE_MS: f64 = 500.0;

pub struct Addresses {
    resolve: Resolve,
    good: RefCell<HashMap<String, IpAddr>>,
    lookups: RefCell<HashMap<String, Offloaded<Found>>>,
    /// Which trouble was an address's last one; none counts as 0.
    troubles: RefCell<HashMap<IpAddr, u64>>,
    trouble_count: Cell<u64>,
}

impl Addresses {
    pub fn new(resolve: Resolve) -> Self {
        Self {
            resolve,
            good: RefCell::default(),
            lookups: RefCell::default(),
            troubles: RefCell::default(),
            trouble_count: Cell::new(0),
        }
    }

    /// Every known address of the host, the most promising first. Fails with what DNS said, as long
    /// as no address of this host has ever worked.
    pub async fn of(&self, host: &str) -> Found {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let mut found = self.find(host).await?;
        let troubles = self.troubles.borrow();
        found.sort_by_key(|address| troubles.get(address).copied().unwrap_or(0));
        Ok(found)
    }

    /// A verified connection to it was made.
    pub fn worked(&self, host: &str, address: IpAddr) {
        self.good.borrow_mut().insert(host.to_owned(), address);
        self.troubles.borrow_mut().remove(&address);
    }

    /// It refused, stayed silent, or was not who it should be: others go first now.
    pub fn troubled(&self, address: IpAddr) {
        self.trouble_count.set(self.trouble_count.get() + 1);
        self.troubles
            .borrow_mut()
            .insert(address, self.trouble_count.get());
    }

    async fn find(&self, host: &str) -> Found {
        let lookup = self.look_up_once(host);
        let last = self.good.borrow().get(host).copied();
        let Some(last) = last else {
            return lookup?.wait().await;
        };
        let found = match lookup {
            Ok(lookup) => timer::until(timer::now() + PATIENCE_MS, lookup.wait()).await,
            Err(_) => None,
        };
        let mut found = found.and_then(Result::ok).unwrap_or_default();
        if !found.contains(&last) {
            found.push(last);
        }
        Ok(found)
    }

    /// A lookup takes a thread for as long as DNS is silent, so there is one at a time.
    fn look_up_once(&self, host: &str) -> io::Result<Offloaded<Found>> {
        let mut lookups = self.lookups.borrow_mut();
        if let Some(running) = lookups
            .get(host)
            .filter(|lookup| lookup.outcome().is_none())
        {
            return Ok(running.clone());
        }
        let lookup = (self.resolve)(host)?;
        lookups.insert(host.to_owned(), lookup.clone());
        Ok(lookup)
    }
}

/// Asks the system, on a thread of its own.
pub fn look_up(host: &str) -> io::Result<Offloaded<Found>> {
    let host = host.to_owned();
    Offloaded::start(move || {
        let found = (host.as_str(), 0)
            .to_socket_addrs()
            .map_err(|error| said(&host, &error))?;
        let mut addresses = Vec::new();
        for address in found.map(|it| it.ip()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    })
}

/// The standard library passes on the resolver's words and not its code.
fn said(host: &str, error: &io::Error) -> Trouble {
    if error.raw_os_error().is_some() {
        return Trouble::coded(&code_of(error), format!("cannot look up {host}"));
    }
    let text = error.to_string();
    let is_temporary = text.contains("ry again") || text.contains("emporary failure");
    let code = if is_temporary {
        "EAI_AGAIN"
    } else {
        "ENOTFOUND"
    };
    let words = text.rsplit(": ").next().unwrap_or_default();
    Trouble::coded(code, format!("cannot look up {host}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::run;
    use super::*;
    use std::time::Duration;

    const FIRST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));
    const SECOND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 3));

    /// What DNS says, one answer after the other, the last one first; silent once there is none.
    fn addresses(answers: Vec<Found>) -> Addresses {
        let answers = RefCell::new(answers);
        Addresses::new(Rc::new(move |_| {
            let answer = answers.borrow_mut().pop();
            Offloaded::start(move || {
                answer.unwrap_or_else(|| {
                    std::thread::sleep(Duration::from_secs(3600));
                    Ok(vec![])
                })
            })
        }))
    }

    #[test]
    fn of_asks_nobody_about_an_address() {
        run(async {
            let one = addresses(vec![]);
            assert_eq!(one.of("127.0.0.2").await, Ok(vec![FIRST]));
            assert_eq!(one.of("::1").await.unwrap().len(), 1);
        });
    }

    #[test]
    fn of_puts_the_latest_trouble_last() {
        run(async {
            let both = || Ok(vec![FIRST, SECOND]);
            let two = addresses(vec![both(), both(), both(), both()]);
            assert_eq!(two.of("h").await, Ok(vec![FIRST, SECOND]));
            two.troubled(FIRST);
            assert_eq!(two.of("h").await, Ok(vec![SECOND, FIRST]));
            two.troubled(SECOND);
            assert_eq!(two.of("h").await, Ok(vec![FIRST, SECOND]));
            two.troubled(FIRST);
            two.worked("h", FIRST);
            assert_eq!(two.of("h").await, Ok(vec![FIRST, SECOND]));
        });
    }

    #[test]
    fn n11_of_keeps_the_last_good_address_when_dns_fails_lies_or_is_silent() {
        run(async {
            let failure = Trouble::coded("ENOTFOUND", "x");
            let one = addresses(vec![
                Ok(vec![SECOND]),
                Err(failure.clone()),
                Err(failure.clone()),
            ]);
            assert_eq!(one.of("h").await, Err(failure));
            one.worked("h", FIRST);
            assert_eq!(one.of("h").await, Ok(vec![FIRST]));
            assert_eq!(one.of("h").await, Ok(vec![SECOND, FIRST]));
            for _ in 0..2 {
                let started_at = timer::now();
                assert_eq!(one.of("h").await, Ok(vec![FIRST]));
                assert!(timer::now() - started_at >= PATIENCE_MS);
            }
        });
    }

    #[test]
    fn look_up_says_that_a_name_is_not_known() {
        run(async {
            let error = look_up("no such name").unwrap().wait().await.unwrap_err();
            let text = error.describe("API server");
            assert!(
                text.contains("API server: cannot look up no such name: "),
                "{text}"
            );
        });
    }
}
