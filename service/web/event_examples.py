"""One example of the data of every event type that the door takes, as people find it in the AsyncAPI document.

A test sends each through the door. A new type is one line here.
"""

EXAMPLES: dict[str, dict[str, object]] = {
    "deadline.set": {
        "commitment_id": "c1",
        "title": "Send the proposal",
        "owner": "ana",
        "due_at": "2026-11-27T16:00:00Z",
        "importance": "high",
    },
    "deadline.moved": {"commitment_id": "c1", "due_on": "2026-12-01", "by": "ana", "reason": "legal review"},
    "deadline.reassigned": {"commitment_id": "c1", "owner": "leo", "by": "dana"},
    "deadline.progress": {"commitment_id": "c1", "percent": 60, "confidence": 4, "note": "prices are agreed"},
    "deadline.met": {"commitment_id": "c1", "at": "2026-11-27T11:20:00Z", "by": "ana"},
    "deadline.cancelled": {"commitment_id": "c1", "reason": "the customer has decided otherwise"},
    "deadline.reopened": {"commitment_id": "c1", "by": "dana", "reason": "two pages are missing"},
    "deal.created": {
        "deal_id": "1",
        "title": "Acme, 40 seats",
        "owner": "ana",
        "amount": "48000.00",
        "currency": "EUR",
        "stage": "proposal",
        "close_on": "2026-12-18",
        "next_step": "Call the CFO",
        "next_step_at": "2026-11-26T09:00:00Z",
    },
    "deal.updated": {"deal_id": "1", "stage": "negotiation", "close_on": "2027-01-15"},
    "deal.activity": {"deal_id": "1", "kind": "call", "by": "ana"},
    "deal.won": {"deal_id": "1", "amount": "52000.00", "currency": "EUR", "helpers": ["leo"]},
    "deal.lost": {"deal_id": "1", "reason": "price"},
    "deal.reopened": {"deal_id": "1"},
    "goal.set": {
        "goal_id": "q4-east",
        "title": "Q4 revenue, East",
        "owner": "east",
        "metric": "revenue",
        "target": "250000",
        "unit": "EUR",
        "period_start": "2026-10-01",
        "period_end": "2026-12-31",
        "milestones": [25, 50, 75, 100, 110],
    },
    "goal.progress": {"goal_id": "q4-east", "value": "205000", "by": "ana", "note": "Contoso has signed"},
    "goal.closed": {"goal_id": "q4-east", "by": "dana", "reason": "the region was merged"},
    "checkin.submitted": {
        "person": "ana",
        "cadence": "weekly",
        "period": "2026-W48",
        "progress": "two proposals are out",
        "next": "agree on the dates with Contoso",
        "roadblocks": ["no answer from legal"],
        "confidence": 4,
    },
    "checkin.excused": {
        "person": "ana",
        "cadence": "weekly",
        "period": "2026-W49",
        "by": "dana",
        "reason": "on leave",
    },
    "person.away": {
        "person": "ana",
        "from": "2026-12-21T08:00:00Z",
        "until": "2027-01-04T08:00:00Z",
        "delegate": "leo",
    },
    "person.back": {"person": "ana"},
    "person.joined": {
        "person": "noa",
        "name": "Noa Levi",
        "email": "noa@example.com",
        "manager": "dana",
        "teams": ["east"],
        "roles": ["rep"],
        "time_zone": "Europe/Madrid",
    },
    "person.changed": {"person": "ana", "manager": "omar", "mentor": None, "teams": ["east", "west"]},
    "person.left": {"person": "kim"},
    "preferences.changed": {
        "person": "ana",
        "quiet": "20:00-08:00",
        "channels": ["email"],
        "noise_budget": 10,
    },
    "commitment.acknowledged": {"subject_id": "c1", "by": "ana", "via": "web"},
    "commitment.snoozed": {"subject_id": "c1", "by": "ana", "until": "2026-11-30T08:00:00Z"},
    "commitment.help_requested": {
        "subject_id": "deal/1",
        "by": "ana",
        "reason": "I need a price for 200 seats",
    },
    "commitment.recommitted": {"subject_id": "c1", "by": "ana", "due_on": "2026-12-03"},
}


def example_of(event_type: str) -> dict[str, object]:
    """The whole event, as a program sends it."""
    named = {"specversion": "1.0", "id": f"example-{event_type}", "source": "crm/example", "type": event_type}
    return {**named, "time": "2026-11-25T09:30:00Z", "data": EXAMPLES[event_type]}
