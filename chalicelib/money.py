"""Money: an integer of minor units and a currency (ISO 4217). Never a float, never a bare number."""

from __future__ import annotations

from dataclasses import dataclass

MAX_AMOUNT = 10**12
"""The largest amount of a price, in minor units: ten billion euros, far inside a 64-bit integer."""

MAX_SUM = 2**53 - 1
"""The largest sum of prices: every reader of JSON keeps an integer up to here (RFC 8259, section 6)."""

_ISO_4217 = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD "
    "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB "
    "RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)

CURRENCIES = frozenset(_ISO_4217.split())
"""Active currencies of ISO 4217, without funds codes and precious metals."""


_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_DECIMALS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
"""How many decimals an amount is shown with where it is not two (ISO 4217's minor unit)."""


@dataclass(frozen=True, order=False)
class Money:
    """`amount` in minor units of `currency`: `Money(1299, "EUR")` is 12.99 €."""

    amount: int
    currency: str

    def __str__(self) -> str:
        decimals = _DECIMALS.get(self.currency, 2)
        whole, rest = divmod(self.amount, 10**decimals)
        return f"{whole:,}.{rest:0{decimals}} {self.currency}" if decimals else f"{whole:,} {self.currency}"
