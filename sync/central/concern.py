"""Which presences may concern some people. Pure.

Whose a presence is follows from all that is known (`resolve.py`); but it cannot be theirs, nor be
held against them, unless it is by a credential of theirs at a kiosk that serves where they have it,
or its kiosk called it theirs, or somebody said that it was. To judge a few people no more is read.
"""

from collections.abc import Collection

from sync.central.city import City
from sync.central.store.punches import Concern
from sync.protocol.roster import EVERYWHERE, by_id


def concern(city: City, persons: Collection[str]) -> Concern:
    """Return which presences may concern these people, whenever they were."""
    known = [
        one
        for person in persons
        for one in (*city.known_of.get(person, ()), *city.as_guest(person))
    ]
    known.extend(by_id(city.people[person] for person in persons if person in city.people))
    units = {one.unit for one in known} - {EVERYWHERE}
    units |= {one.unit for person in persons for one in city.memberships.get(person, ())}
    return Concern(
        persons=frozenset(persons),
        kiosks=frozenset(
            kiosk
            for kiosk, posts in city.posts.items()
            if any(post.unit in units for post in posts)
        ),
        users=frozenset(one.user for one in known),
        cards=frozenset(one.user for one in known if one.unit == EVERYWHERE),
        places=frozenset(
            place for place, person in city.identified.items() if person in frozenset(persons)
        ),
    )
