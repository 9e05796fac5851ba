"""Who a request comes from: signed by the vendors' own code, and by hands that know no secret."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hubspot.utils.signature import Signature
from standardwebhooks import Webhook

from service.integrations.signatures import NotGenuine, Received, verify
from service.settings.integration_model import Authenticate

NOW = datetime.now(UTC)
URL = "https://ft.example.com/integrations/hubspot"
BODY = '[{"name": "Zoë"}]'
OLD, NEW = "the-old-secret-0123", "the-new-secret-0123"
WHSEC = "whsec_" + base64.b64encode(bytes(range(24))).decode()


def auth(scheme: str, *secret: str, **more: Any) -> Authenticate:
    return Authenticate(scheme=scheme, secret=list(secret), **more)


def received(headers: dict[str, str], body: str | bytes = BODY, url: str = URL, token: str = "") -> Received:
    raw = body if isinstance(body, bytes) else body.encode()
    return Received("POST", url, tuple((k.lower(), v) for k, v in headers.items()), raw, token)


def reason(how: Authenticate, request: Received, now: datetime = NOW) -> str:
    with pytest.raises(NotGenuine) as raised:
        verify(how, request, now)
    return raised.value.reason


def by_hubspot(secret: str = NEW, url: str = URL, at: datetime = NOW, body: str = BODY) -> dict[str, str]:
    timestamp = str(int(at.timestamp() * 1000))
    signature = Signature.get_signature(secret, body, "v3", url, "POST", timestamp)
    return {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": timestamp}


def by_standard(secret: str = WHSEC, name: str = "msg_1", at: datetime = NOW) -> dict[str, str]:
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, BODY),
    }


def hex_of(content: bytes, secret: str = NEW) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


# -- HubSpot ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("secret", [OLD, NEW])
def test_what_hubspots_own_code_signed_is_genuine_with_either_secret_of_a_rotation(secret: str) -> None:
    verify(auth("hubspot-v3", OLD, NEW), received(by_hubspot(secret)), NOW)


def test_hubspot_signs_the_address_with_its_escapes_decoded() -> None:
    headers = by_hubspot(url=f"{URL}?next=https://a@b/!$'()*,;")
    escaped = f"{URL}?next=https%3A%2F%2fa%40b%2f%21%24%27%28%29%2A%2c%3B"

    verify(auth("hubspot-v3", NEW), received(headers, url=escaped), NOW)


@pytest.mark.parametrize(
    "change", ["body", "url", "secret", "early", "late", "v1", "empty", "twice", "seconds"]
)
def test_what_hubspot_did_not_sign_like_this_is_refused(change: str) -> None:
    how, request = auth("hubspot-v3", NEW), received(by_hubspot())
    other = {
        "body": received(by_hubspot(), BODY + " "),
        "url": received(by_hubspot(), url="http://127.0.0.1:8080/integrations/hubspot"),
        "secret": received(by_hubspot(OLD)),
        "early": received(by_hubspot(at=NOW - timedelta(minutes=6))),
        "late": received(by_hubspot(at=NOW + timedelta(minutes=6))),
        "v1": received({"X-HubSpot-Signature": Signature.get_signature(NEW, BODY, "v1")}),
        "empty": received({**by_hubspot(), "X-HubSpot-Signature-v3": " "}),
        "twice": Received("POST", URL, (*request.headers, *request.headers), request.body),
        "seconds": received({**by_hubspot(), "X-HubSpot-Request-Timestamp": f"{NOW.timestamp():.0f}.0"}),
    }[change]
    expected = {
        **dict.fromkeys(("early", "late", "seconds"), "stale_timestamp"),
        **dict.fromkeys(("v1", "empty", "twice"), "no_signature"),
    }

    assert reason(how, other) == expected.get(change, "wrong_signature")


# -- Standard Webhooks --------------------------------------------------------------------------------------------
def test_what_the_standards_own_code_signed_is_genuine_also_beside_another_signature() -> None:
    other = "whsec_" + base64.b64encode(bytes(range(1, 25))).decode()
    headers = by_standard()
    headers["webhook-signature"] = (
        f"v1a,unknown {by_standard(other)['webhook-signature']} {headers['webhook-signature']}"
    )

    verify(auth("standard-webhooks", WHSEC), received(headers), NOW)


@pytest.mark.parametrize("signature", ["v1,", "v1", "v2,abc", "v1, ", "v1,é"])
def test_an_empty_or_strange_signature_is_none(signature: str) -> None:
    """svix took the empty one for right (CVE-2024-21491)."""
    headers = {**by_standard(), "webhook-signature": signature}

    assert reason(auth("standard-webhooks", WHSEC), received(headers)) == "wrong_signature"


def test_an_id_with_a_dot_and_an_old_delivery_are_refused() -> None:
    how = auth("standard-webhooks", WHSEC)

    assert reason(how, received(by_standard(name="msg.1"))) == "wrong_signature"
    assert reason(how, received(by_standard(at=NOW - timedelta(seconds=301)))) == "stale_timestamp"


# -- HMAC in a header ---------------------------------------------------------------------------------------------
def test_an_hmac_in_hex_or_base64_is_compared_whole() -> None:
    how = auth("hmac-sha256-hex", NEW, header="X-Signature", prefix="sha256=")
    right = hex_of(BODY.encode())
    verify(how, received({"x-signature": f"sha256={right}"}), NOW)
    verify(how, received({"x-signature": f"sha256={right.upper()}"}), NOW)
    in_base64 = base64.b64encode(bytes.fromhex(right)).decode()
    verify(auth("hmac-sha256-base64", NEW, header="X-Signature"), received({"x-signature": in_base64}), NOW)

    for wrong in ("sha256=", "sha256=" + right[:-1], right, f"sha1={right}", "sha256=" + right + "0"):
        assert reason(how, received({"x-signature": wrong})) == "wrong_signature"
    assert reason(how, received({})) == "no_signature"


def test_a_signed_time_is_part_of_what_is_signed_and_of_what_is_checked() -> None:
    more = {"header": "X-Sig", "timestamp_header": "X-Time", "signed": "v0:{timestamp}:{body}"}
    how, seconds = auth("hmac-sha256-hex", NEW, **more), str(int(NOW.timestamp()))
    headers = {"X-Sig": hex_of(f"v0:{seconds}:{BODY}".encode()), "X-Time": seconds}
    verify(how, received(headers), NOW)

    assert reason(how, received({**headers, "X-Time": str(int(seconds) + 1)})) == "wrong_signature"
    assert reason(how, received(headers), NOW + timedelta(seconds=302)) == "stale_timestamp"
    for strange in ("", "now", "-1", "1" * 16, "١٢٣"):
        assert reason(how, received({**headers, "X-Time": strange})) in ("no_signature", "stale_timestamp")


# -- those that cannot sign ---------------------------------------------------------------------------------------
def test_a_password_or_a_token_in_the_path_must_be_the_one() -> None:
    basic = auth("basic", NEW, username="ft")
    given = base64.b64encode(f"ft:{NEW}".encode()).decode()
    verify(basic, received({"Authorization": f"Basic {given}"}), NOW)
    verify(auth("path-token", OLD, NEW), received({}, token=OLD), NOW)

    assert reason(basic, received({"Authorization": f"Bearer {given}"})) == "no_signature"
    assert reason(basic, received({"Authorization": "Basic ="})) == "wrong_signature"
    assert reason(basic, received({})) == "no_signature"
    for token in ("", NEW[:-1], NEW + "0"):
        assert reason(auth("path-token", NEW), received({}, token=token)) == "wrong_signature"
