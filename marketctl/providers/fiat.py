"""The currency codes of ISO 4217: which code is money of a state and which is not.

Source: ISO 4217, list one (current, with funds codes and precious metals, as of 2026) and of list three (historic) what
was withdrawn since 1999, as far as rate archives reach. Left out are XTS and XXX, which mean no currency. Not in the
standard, though rate sources list them: CNH, GGP, IMP, JEP, BTC.
"""

_CURRENT = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF
CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS
VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG
"""

_HISTORIC = """
ADP AFA ANG ATS AZM BEF BGL BGN BYB BYR CSD CUC CYP DEM EEK ESP FIM FRF GHC GRD HRK IEP ITL LTL LUF LVL MGF MRO MTL MZM
NLG PTE ROL RUR SDD SIT SKK SLL SRG STD TJR TMM TPE TRL USS VEB VEF XEU XFO XFU YUM ZMK ZWD ZWL ZWN ZWR
"""

FIAT_CODES = frozenset((_CURRENT + _HISTORIC).split())


def is_fiat(code: str) -> bool:
    """Tell whether the code is in ISO 4217, in any letter case.

    A coin may wear such a code too (MNT is Mantle; ERN, SOS, BOB, MTL, TMT, LBP, AOA are coins on KUCOIN): on an
    exchange ask the provider's own mark first, and never call an asset with networks fiat.
    """
    return code.upper() in FIAT_CODES
