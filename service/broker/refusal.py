"""Why Kafka refuses us, where that is about who we are or whom we trust: aiokafka's clients only say that they could
not connect. One connection is made and closed again.
"""

import asyncio
import ssl
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

WITHIN_S = 3.0


async def why_refused(client: dict[str, Any]) -> str:
    """The setting to look at, as a sentence; "" where nothing of the kind is the matter. `client` is what an aiokafka
    client is given."""
    rest = {name: value for name, value in client.items() if name != "bootstrap_servers"}
    host, _, port = client["bootstrap_servers"][0].rpartition(":")
    try:
        async with asyncio.timeout(WITHIN_S):
            connection = await create_conn(host.strip("[]"), int(port), **rest)
        connection.close()
    except ssl.SSLCertVerificationError as error:
        return f"kafka.ca_path: its certificate is not trusted ({error.verify_message})"
    except ssl.SSLError as error:
        return f"kafka.tls: no TLS can be agreed upon ({error.reason})"
    except (SaslAuthenticationFailed, AuthenticationFailedError):
        return "kafka.username, kafka.password: it does not accept them"
    except UnsupportedSaslMechanismError:
        return f"kafka.sasl: it does not offer {client.get('sasl_mechanism')}"
    except IllegalSaslStateError:
        return "kafka.sasl: it asks for no password there; look at the port, too"
    except (KafkaError, OSError):
        return ""
    return ""
