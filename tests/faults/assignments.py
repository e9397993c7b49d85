"""What happens to the broker while partitions are assigned."""

import time

from program import eventually, messages
from scenarios import counted, scenario
from test_faults import TOPIC, bills

# What is done, and for how many seconds: an assignment waits a minute for a broker that is away.
HARMS = [("half-closed", 2), ("slow", 20), ("hangs", 20), ("down", 30), ("down", 75)]


@scenario("the broker is cut, half-closed, slow while partitions are assigned: waits, goes on")
def broker_away_while_assigned(world):
    world.topics(4)
    huiliu = world.huiliu(commit_every="300ms")
    proxy, sent, seen = world.broker.proxy, 0, []
    members = [huiliu.start(world.broker.behind, "--no-refresh")]
    for harm, seconds in HARMS:
        for partition in range(4):
            world.broker.publish(TOPIC, bills(500, first=sent), partition)
            sent += 500
        world.reaches(huiliu, sent, 120, members[-1])
        # Whoever joins lets all partitions be assigned anew, a second after its first contact.
        newcomer = huiliu.start(world.broker.behind, "--no-refresh")
        members.append(newcomer)
        eventually(lambda: "assigned" in messages(newcomer), 240, newcomer)
        time.sleep(world.chance.uniform(0, 1.5))
        do(proxy, harm)
        for partition in range(4):
            world.broker.publish(TOPIC, bills(500, first=sent), partition)
            sent += 500
        time.sleep(seconds)
        proxy.calm()
        ends = [member.poll() for member in members]
        said = "\n".join(messages(member, 2_000) for member in members)
        # Beyond the minute a process may end as one whose broker is away, and is started again.
        assert set(ends) <= ({None, 69, 75} if seconds > 60 else {None}), f"{harm}: {ends}\n{said}"
        seen.append(f"{harm} {seconds} s: {sum(end is not None for end in ends)} ended")
        members = [member for member, end in zip(members, ends) if end is None]
        members = members or [huiliu.start(world.broker.behind, "--no-refresh")]
        world.reaches(huiliu, sent, 180, members[-1])
        while len(members) > 1:
            members.pop(0).kill()
    return f"{', '.join(seen)}; {counted(world.account_for(huiliu))}"


def do(proxy, harm):
    if harm == "half-closed":
        proxy.half_close()
    elif harm == "slow":
        proxy.delay = 2.0
    elif harm == "hangs":
        proxy.hang = True
    else:
        proxy.down = True
        proxy.cut()
