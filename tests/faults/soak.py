"""Random faults for hours, from one seed: rounds on one lake, which is then held against Kafka."""

import signal
import time

from program import drain, messages
from proxy import answer
from scenarios import COMMIT, counted

ROUNDS_PER_LAKE = 12


def faults(world, huiliu, processes):
    """`{name: function}`: each does its harm and returns while it lasts."""
    broker, store, chance = world.broker, world.store, world.chance

    def some():
        return chance.choice(processes)

    def replace(signal_number):
        process = processes.pop(chance.randrange(len(processes)))
        process.send_signal(signal_number)
        process.wait(60)
        processes.append(huiliu.start(broker.behind))

    def freeze():
        process = some()
        process.send_signal(signal.SIGSTOP)
        time.sleep(chance.uniform(1, 8))
        process.send_signal(signal.SIGCONT)

    def restart_broker():
        broker.stop()
        time.sleep(chance.uniform(0, 3))
        broker.start()

    def set_on(proxy, **settings):
        def harm():
            for name, value in settings.items():
                setattr(proxy, name, value)
            if settings.get("down"):
                proxy.cut()

        return harm

    return {
        "kill": lambda: replace(signal.SIGKILL),
        "drain": lambda: replace(signal.SIGTERM),
        "freeze": freeze,
        "another": lambda: processes.append(huiliu.start(broker.behind)),
        "broker restart": restart_broker,
        "kafka cut": broker.proxy.cut,
        "kafka half-closed": broker.proxy.half_close,
        "kafka slow": set_on(broker.proxy, delay=chance.uniform(0.01, 0.3)),
        "kafka down": set_on(broker.proxy, down=True),
        "store cut": store.cut,
        "store half-closed": store.half_close,
        "store slow": set_on(store, delay=chance.uniform(0.01, 0.1)),
        "store down": set_on(store, down=True),
        "store hangs": set_on(store, hang=True),
        "answers lost": set_on(store, lose=(COMMIT, 0.5)),
        "throttled": set_on(store, refuse=(answer(503, "SlowDown"), rb"", 1)),
        "quarantine down": set_on(
            store, refuse=(answer(500, "InternalError"), rb"(?:PUT|POST) \S+/quarantine/", 1)
        ),
    }


def one_lake(world, say):
    """A lake through some rounds of faults; returns what was seen."""
    world.broker.delete_all()
    huiliu = world.huiliu(in_store=True, commit_every="300ms")
    huiliu.generate(world.broker, 500, world.chance.randrange(1 << 30), 4)
    processes = [huiliu.start(world.broker.behind)]
    done = []
    for turn in range(ROUNDS_PER_LAKE):
        for process in [p for p in processes if p.poll() is not None]:
            # An outage may end a process, as a supervisor expects; it may not crash.
            assert process.returncode in (0, 69, 75), (
                f"after {done}: it ended with {process.returncode}:\n{messages(process)}"
            )
            processes.remove(process)
            say(f"  ended with {process.returncode}, started again")
        while not processes or len(processes) > 3:
            if processes:
                processes.pop().kill()
            else:
                processes.append(huiliu.start(world.broker.behind))
        possible = faults(world, huiliu, processes)
        name = world.chance.choice(sorted(possible))
        say(f"  {name}")
        huiliu.generate(world.broker, 1_000, world.chance.randrange(1 << 30), 4)
        possible[name]()
        done.append(name)
        time.sleep(world.chance.uniform(0.5, 8))
        world.broker.proxy.calm()
        world.store.calm()
        time.sleep(world.chance.uniform(0, 3))
    # A last one drains; the others are killed with what they hold.
    if processes and processes[0].poll() is None:
        code = drain(processes[0], 90)
        assert code in (0, 69, 75), f"exit {code}:\n{messages(processes[0])}"
    facts = world.account_for(huiliu)
    huiliu.run("verify", "--lake", huiliu.lake)
    return f"{len(done)} faults; {counted(facts)}; subject tables equal full builds"
