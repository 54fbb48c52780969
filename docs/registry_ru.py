"""What docs/registry.md says in English, said in Russian: `make docs` looks every cell of its tables up here."""

RUSSIAN = {
    # Heads and titles
    "key": "ключ",
    "what": "что",
    "default": "по умолчанию",
    "meaning": "что значит",
    "history, in [settings]": "history, внутри [settings]",
    "required": "обязателен",
    # Kinds
    "text": "текст",
    "list of texts": "список текстов",
    "seconds": "секунды",
    "whole number": "целое число",
    "true or false": "true или false",
    "number": "число",
    "table": "таблица",
    "percents": "проценты",
    "time span": "промежуток времени",
    "hours": "часы",
    # [settings]
    "where everything is kept; relative to this file": "где хранится всё; относительно этого файла",
    "where `dump` and `--dump-raw` put raw answers": "куда `dump` и `--dump-raw` кладут необработанные ответы",
    '`"embedded"`, `"none"` (files only), or a `redis://`, `rediss://`, `unix://` URL': (
        '`"embedded"`, `"none"` (только файлы) или URL `redis://`, `rediss://`, `unix://`'
    ),
    "how all keys in Redis begin": "с чего начинаются все ключи в Redis",
    "how often `run` collects prices": "как часто `run` собирает цены",
    "how often `run` collects coins and networks": "как часто `run` собирает монеты и сети",
    "how often `run` collects statistics": "как часто `run` собирает статистику",
    "keep a JSON copy of what went to Redis": "хранить копию того, что ушло в Redis, в JSON",
    "the embedded Redis goes on between runs": "встроенный Redis работает и между запусками",
    "one HTTP request: connect and read": "один запрос HTTP: соединение и чтение",
    "one job of one provider, all requests, retries and waits together": (
        "одна задача одного провайдера: все запросы, повторы и ожидания вместе"
    ),
    "how often one request is tried": "сколько раз пробуют один запрос",
    "how old a cached list of pairs may be": "сколько секунд годится сохранённый список пар",
    "which quotes are kept in Redis, see below": "какие котировки остаются в Redis, см. ниже",
    "how long the day files of prices stay": "сколько суток хранятся дневные файлы цен",
    "all day files together; beyond that the oldest days go first": (
        "все дневные файлы вместе; сверх того уходят самые старые сутки"
    ),
    "a dead-man switch (healthchecks.io); who knows the URL may ping": (
        "сторож на случай тишины (healthchecks.io); кто знает URL, может слать ему вести"
    ),
    "a file with one line of JSON for each result; a device or a pipe is written into": "файл, в котором строка JSON "
    "на каждый результат; в устройство или канал пишется как есть",
    "when the run log is put aside": "при каком размере журнал запусков откладывается",
    "how many old run logs stay": "сколько отложенных журналов остаётся",
    # [settings] history
    "keep history at all": "хранить ли историю",
    "entries a pair; 1000 with a Redis of your own": "записей на пару; с вашим собственным Redis — 1000",
    "how old an entry may be": "сколько секунд живёт запись",
    'which: `"BTC/USDT"`, `"BTC/*"`, `"*/USDT"`, `"*"`': 'какие: `"BTC/USDT"`, `"BTC/*"`, `"*/USDT"`, `"*"`',
    "what leaves Redis goes into day files": "то, что уходит из Redis, попадает в дневные файлы",
    # [providers.NAME]
    '`"module.path:ClassName"`, any importable module': '`"module.path:ClassName"`, любой импортируемый модуль',
    "what is not enabled does not run": "что не включено, то не запускается",
    "load its keys; with false they are never looked at": "загружать его ключи; при false на них не смотрят вовсе",
    "the adapter's own unless set": "если не задан, собственный вид адаптера",
    "what its money is counted in": "в чём считаются его деньги",
    "scheme, host and port in place of the provider's own": "схема, узел и порт вместо собственных у провайдера",
    "http, https or socks5 URL (extra `socks`)": "URL http, https или socks5 (дополнение `socks`)",
    "a dead-man switch of this provider alone": "сторож на случай тишины одного этого провайдера",
    "as in [settings]": "как в [settings]",
    "just these; none: all": "только эти; без ключа — все",
    'what it takes of a trade, in percent (`"0.1"`), for `convert`; unset: an assumption that is told': (
        'сколько берёт со сделки, в процентах (`"0.1"`), для `convert`; не задано — допущение, о котором сказано'
    ),
    # [sentinel]
    "judge at all": "проверять ли котировки",
    "from the median of three and more venues, or from the only other one (`0.05` is 5 %)": (
        "от медианы трёх и более площадок или от единственной другой (`0.05` — это 5 %)"
    ),
    "times their own spread, where that is more": "или во столько раз больше их собственного разброса, если это больше",
    "from its own last good one, where nobody else has it": "от своей последней верной цены, если у других её нет",
    "the same of a source of rates": "то же у источника курсов",
    "how long a jump on an exchange has to stand": "сколько циклов должен продержаться скачок на бирже",
    'tables of the same keys for some: `[sentinel.rules."RAPIRA */RUB"]`; the last one that fits counts': (
        'таблицы тех же ключей для некоторых: `[sentinel.rules."RAPIRA */RUB"]`; решает последняя подходящая'
    ),
    # [watch]
    "tickers whose networks are watched": "тикеры, за чьими сетями следят",
    "common names; none: all": "общие имена; без ключа — все",
    "watched for gap and figures": "за ними следят ради разрыва и показателей",
    "tell of networks that close and open": "сообщать о сетях, которые закрылись или открылись",
    "table of pair to price: the best bid is higher": "таблица пар и цен: лучший bid выше",
    "table of pair to price: the best ask is lower": "таблица пар и цен: лучший ask ниже",
    'best bid over best ask, net of the cheapest open network: `"0.5%"`; false: never': (
        'лучший bid выше лучшего ask за вычетом самой дешёвой открытой сети: `"0.5%"`; false — никогда'
    ),
    "for so much of the quote": "для такой суммы в котируемой валюте",
    'a fee moved by more: `"20%"`; false: never': 'комиссия сдвинулась больше: `"20%"`; false — никогда',
    'a job fails so long: `"10min"`; false: never': 'задача не удаётся столько времени: `"10min"`; false — никогда',
    "tell of data that are too old": "сообщать об устаревших данных",
    "tell of prices that are kept back": "сообщать о задержанных ценах",
    "tell of a watched pair whose bid is above its ask": "сообщать о паре, за которой следят, если её bid выше ask",
    "a plan runs dry so soon; false: never": "тариф кончится так скоро; false — никогда",
    "a key ends so soon; false: never": "ключ кончается так скоро; false — никогда",
    "tell of coins that share a ticker": "сообщать о разных монетах с одним тикером",
    "what is still so is told again; false: never": "о том, что всё ещё так, сообщают снова; false — никогда",
    'nothing is sent in them, all of it afterwards: `"23:00-07:00"`': (
        'в них ничего не отправляют, всё потом: `"23:00-07:00"`'
    ),
    "of the quiet hours": "тихих часов",
    '`"en"` or `"ru"`': '`"en"` или `"ru"`',
}


def in_russian(words: str) -> str:
    """Return the Russian of a cell; code and "-" are the same. Raises LookupError for words nobody has put there."""
    if words == "-" or (words.startswith("`") and words.count("`") == 2 and words.endswith("`")):
        return words
    if words not in RUSSIAN:
        raise LookupError(f"docs/registry_ru.py: docs/registry.md says {words!r}: give it its Russian there")
    return RUSSIAN[words]
