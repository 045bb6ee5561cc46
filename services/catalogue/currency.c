/* currency.c - the currencies that amounts of this shop can be in.
 *
 * Source: ISO 4217, list one (currency, fund and precious metal codes) of the maintenance agency, SIX,
 * https://www.six-group.com/en/products-services/financial-information/data-standards.html, as of January 2026: every
 * code whose minor unit is 2. Left out are the codes for funds and units of account (BOV, CHE, CHW, COU, MXV, USN,
 * XAD): nobody pays with them. Amounts are hundredths, so JPY (no decimals), KWD (three) and XXX (no currency) have no
 * place here. The list is short and asked once per order: a scan is enough. */
#include "shop/rules.h"

#include <string.h>

/* Codes of three letters, one blank between them. */
static const char with_cents[] =
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE "
    "CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR "
    "KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB "
    "PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY "
    "TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

bool shop_currency_has_cents(const char *code)
{
    if (strlen(code) != 3) return false;
    for (const char *known = with_cents;; known += 4) {
        if (memcmp(known, code, 3) == 0) return true;
        if (known[3] == '\0') return false;
    }
}
