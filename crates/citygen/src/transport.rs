//! Flights, trains and coaches, and who travels with them.
//!
//! A service has its passengers; their tickets are sold, then checked, refunded or changed for
//! another seat. A service that leaves after the city was loaded is first planned, and reports
//! its times and the number of those it carried when it has arrived.

use crate::calendar::{DAY_US, Day, HOUR_US, MINUTE_US, Micros, midnight};
use crate::dice::World;
use crate::envelope::Op;
use crate::fields::{SERVICES, TICKETS};
use crate::persons;
use crate::row::{NULL, Row, date, instant, int, maybe_instant, text};
use crate::stream::City;

const SERVICE: u64 = 0x7365_7276;
/// Services that are remembered until they arrive.
const PLANNED_MAX: usize = 128;
/// Days of services: from fifteen before loading to two after `as_of`.
const DAYS: u32 = 38;

/// A service that has not left when the city is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    mode: usize,
    number: u32,
    passengers: Vec<u32>,
}

impl Planned {
    /// The number of those who travel.
    fn carried(&self, world: World, service: &Service) -> i64 {
        let stays = |place| {
            Ticket::of(world, self.mode, self.number, place, service).fate != Fate::Refunded
        };
        i64::try_from((0..self.passengers.len()).filter(|place| stays(*place)).count())
            .expect("a few dozen")
    }
}

/// Stations: IATA codes, telegraph codes, numbers of coach stations; home stations first.
const STATIONS: [&[&str]; 3] = [
    &["CKG", "WXN", "PEK", "SHA", "CAN", "SZX", "KMG", "XIY", "WUH", "NKG"],
    &["CUW", "CXW", "WZE", "ICW", "BXP", "AOH", "IZQ", "WHN", "EAY", "KQW"],
    &["50010301", "50010801", "50010101", "50010201", "50011801", "50015401", "51010001"],
];

struct Service {
    no: String,
    day: Day,
    from: &'static str,
    to: &'static str,
    depart: Micros,
    arrive: Micros,
    seats: i64,
    /// Minutes behind the plan; `None` for a service that was cancelled.
    delay: Option<i64>,
}

impl Service {
    /// The service of a mode (flight, train, coach) and number.
    fn of(world: World, mode: usize, number: u32, loaded: Day) -> Self {
        let mut dice = world.dice(&[SERVICE, mode as u64, u64::from(number)]);
        let (line, turn) = (number / DAYS, Day::try_from(number * 7 % DAYS).expect("below 38"));
        let day = loaded - 15 + turn;
        let no = match mode {
            0 => {
                let airline = ["CA", "3U", "CZ", "MU", "PN", "HU", "SC", "ZH"];
                format!("{}{:04}", airline[(line % 8) as usize], 1_000 + line / 8 % 9_000)
            }
            1 => {
                let class = ["G", "D", "C", "Z", "T", "K"];
                format!("{}{}", class[(line % 6) as usize], 1 + line / 6 % 99_999)
            }
            _ => format!("CQ{line:06}"),
        };
        let stations = STATIONS[mode];
        let (home, away) = (stations[dice.index(2)], stations[2 + dice.index(stations.len() - 2)]);
        let (from, to) = if dice.chance(0.5) { (home, away) } else { (away, home) };
        let depart = midnight(day) + dice.between(72, 270) * 5 * MINUTE_US;
        let minutes = [(70, 180), (40, 720), (40, 300)][mode];
        let arrive = depart + dice.between(minutes.0, minutes.1) * MINUTE_US;
        let seats = dice.pick(&[[144, 180, 186], [556, 613, 1_118], [29, 39, 53]][mode]);
        let delay = match dice.below(100) {
            0..3 => None,
            3..18 => Some(dice.between(20, 90)),
            _ => Some(dice.between(0, 8)),
        };
        Self { no, day, from, to, depart, arrive, seats, delay }
    }

    /// The row as planned, or with what became of it and the number of those it carried.
    fn row(&self, mode: usize, carried: Option<i64>, at: Micros) -> Row {
        let late = carried.and(self.delay).map(|minutes| minutes * MINUTE_US);
        let state = match (carried, self.delay) {
            (None, _) => "计划",
            (_, None) => "取消",
            (_, Some(..=15)) => "正点",
            _ => "延误",
        };
        Row::new(
            SERVICES[mode],
            vec![
                text(self.no.clone()),
                date(self.day),
                text(self.from),
                text(self.to),
                instant(self.depart),
                maybe_instant(late.map(|late| self.depart + late)),
                instant(self.arrive),
                maybe_instant(late.map(|late| self.arrive + late)),
                int(self.seats),
                late.and(carried).map_or(NULL, int),
                text(state),
                instant(at),
            ],
        )
    }

    /// When it is over.
    fn end(&self) -> Micros {
        self.arrive + self.delay.unwrap_or(0) * MINUTE_US
    }
}

/// What becomes of a ticket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Checked,
    Refunded,
    Changed,
}

/// The ticket of a passenger's place: its number, coach, seat, time of sale and fate.
struct Ticket {
    no: String,
    coach: Option<String>,
    seat: String,
    sold: Micros,
    fate: Fate,
}

/// Tickets of one service: more than passengers, for those who change theirs.
const TICKETS_MAX: u64 = 64;

impl Ticket {
    fn of(world: World, mode: usize, number: u32, place: usize, service: &Service) -> Self {
        let place = place as u64;
        let mut dice = world.dice(&[SERVICE, mode as u64, u64::from(number), place + 1]);
        let serial = u64::from(number) * TICKETS_MAX + place;
        let no = match mode {
            0 => format!("784{:010}", serial % 10_000_000_000),
            1 => format!("E{serial:020}"),
            _ => format!("CQKY{serial:012}"),
        };
        // Neighbours sit close: three rows hold the first dozen.
        let letters = ["ABCDEF", "ABCDF", "ABCD"][mode];
        let width = letters.len() as u64;
        let column = usize::try_from(place % width).expect("below six");
        let seat = format!("{}{}", 1 + place / width, &letters[column..=column]);
        let sold = service.depart - dice.between(DAY_US / 2, 18 * DAY_US);
        let fate = match dice.below(100) {
            _ if service.delay.is_none() => Fate::Refunded,
            0..6 => Fate::Refunded,
            6..10 => Fate::Changed,
            _ => Fate::Checked,
        };
        let coach = (mode == 1).then(|| format!("{:02}", 1 + number % 16));
        Self { no, coach, seat, sold, fate }
    }
}

impl City {
    /// The services of a unit with their passengers.
    pub(crate) fn load_services(&mut self, unit: u32) {
        for (mode, (low, high)) in [(3, 7), (6, 14), (3, 9)].into_iter().enumerate() {
            let service = Service::of(self.world, mode, unit, self.loaded);
            let count = self.flow.between(low, high);
            let passengers: Vec<u32> = (0..count).map(|_| self.any_adult()).collect();
            let planned = Planned { mode, number: unit, passengers };
            let is_over = service.end() < midnight(self.loaded);
            let ordered = service.depart - 20 * DAY_US;
            if is_over {
                let carried = planned.carried(self.world, &service);
                let at = service.end() + 10 * MINUTE_US;
                self.load(service.row(mode, Some(carried), at), at);
                self.sell(&planned, &service, true);
                self.check_in(&planned, &service);
            } else {
                self.load(service.row(mode, None, ordered), ordered);
                self.sell(&planned, &service, false);
                self.planned.push_back(planned);
                if self.planned.len() > PLANNED_MAX {
                    self.planned.pop_front();
                }
            }
        }
    }

    /// Services that have arrived by now report.
    pub(crate) fn depart_services(&mut self) {
        let now = self.now();
        let mut waiting = std::mem::take(&mut self.planned);
        waiting.retain(|planned| {
            let service = Service::of(self.world, planned.mode, planned.number, self.loaded);
            let is_over = service.end() + 10 * MINUTE_US < now;
            if is_over {
                self.check_in(planned, &service);
                let carried = planned.carried(self.world, &service);
                let row = service.row(planned.mode, Some(carried), now);
                self.emit(Op::Update, now, None, Some(row));
            }
            !is_over
        });
        self.planned = waiting;
    }

    /// Sells the tickets; before loading, if the service is planned for later.
    fn sell(&mut self, planned: &Planned, service: &Service, is_over: bool) {
        let latest = midnight(self.loaded) - HOUR_US;
        for (place, passenger) in planned.passengers.iter().enumerate() {
            let ticket = Ticket::of(self.world, planned.mode, planned.number, place, service);
            let at = if is_over { ticket.sold } else { ticket.sold.min(latest) };
            self.ticket_event(planned, service, (&ticket, *passenger), ("1", at));
        }
    }

    /// Checks, refunds and changes the tickets.
    fn check_in(&mut self, planned: &Planned, service: &Service) {
        let delay = service.delay.unwrap_or(0) * MINUTE_US;
        let boarding = service.depart + delay - 20 * MINUTE_US;
        for (place, passenger) in planned.passengers.iter().enumerate() {
            let ticket = Ticket::of(self.world, planned.mode, planned.number, place, service);
            let who = (&ticket, *passenger);
            match ticket.fate {
                Fate::Checked => {
                    self.ticket_event(planned, service, who, ("2", boarding));
                }
                Fate::Refunded => {
                    self.ticket_event(planned, service, who, ("3", boarding - 2 * HOUR_US));
                }
                Fate::Changed => {
                    let at = boarding - 3 * HOUR_US;
                    self.ticket_event(planned, service, who, ("4", at));
                    // Another seat, under another number.
                    let place = planned.passengers.len() + place;
                    let new = Ticket::of(self.world, planned.mode, planned.number, place, service);
                    let who = (&new, *passenger);
                    self.ticket_event(planned, service, who, ("1", at + MINUTE_US));
                    self.ticket_event(planned, service, who, ("2", boarding));
                }
            }
        }
    }

    fn ticket_event(
        &mut self,
        planned: &Planned,
        service: &Service,
        (ticket, passenger): (&Ticket, u32),
        (state, at): (&'static str, Micros),
    ) {
        let person = self.persons[passenger as usize];
        let who = persons::identity(self.world, passenger, person);
        let row = Row::new(
            TICKETS[planned.mode],
            vec![
                text(ticket.no.clone()),
                text(who.id),
                text(service.no.clone()),
                date(service.day),
                text(service.from),
                text(service.to),
                ticket.coach.clone().map_or(NULL, text),
                text(ticket.seat.clone()),
                instant(service.depart),
                instant(service.arrive),
                text(state),
                instant(at),
            ],
        );
        self.emit(Op::Create, at, None, Some(row));
    }
}
