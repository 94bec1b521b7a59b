"""Hostile sites never hurt and are reported: addresses, fetching on loopback, encodings, feeds, pages, politeness."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from chengheng.opinion.collect import feeds, pages, politeness, robots
from chengheng.opinion.collect.addresses import Refused, follow, public, target
from chengheng.opinion.collect.encodings import decode
from chengheng.opinion.collect.entries import Unreadable, clean, clean_line, moment
from chengheng.opinion.collect.fetcher import Answer, Caps, Fetcher, FetchFailed

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")
NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)

HOSTILE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/",
    "http://0177.0.0.1/", "http://017700000001/", "http://0/", "http://0.0.0.0/", "http://[::1]/", "http://[::]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/",
    "http://[fc00::1]/", "http://[ff02::1]/", "http://10.0.0.1/", "http://172.16.5.5/", "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/latest/meta-data/", "http://100.64.0.1/",
    "http://168.63.129.16/", "http://224.0.0.1/", "http://255.255.255.255/", "http://localhost/", "http://localhost./",
    "http://a.localhost/", "http://metadata.google.internal/", "http://printer.local/", "http://intranet/",
    "http://user@example.com/", "http://example.com@127.0.0.1/", "http://example.com:22/", "http://example.com:6379/",
    "http://example.com:99999/", "http://example.com:/x", "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/",
    "javascript:alert(1)", "data:text/plain,hi", "//example.com/", "http:///x", "http://", "http://[::1", "http://exa mple.com/",
    "http://example.com\\@127.0.0.1/", "http://example.com\t/", "http://example.com\n.evil/", "http://１２７.０.０.１/",
    "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://ⓛocalhost/", "http://exa%6dple.com/", "http://-a.com/", "http://a..com/",
    "http://" + "a" * 3000 + ".com/", "http://1.2.3/", "http://1.2.3.4.5/", "http://example.com.:80@10.0.0.1/",
]  # fmt: skip


class TestAddresses:
    @pytest.mark.parametrize("url", HOSTILE)
    def test_hostile_urls_are_refused(self, url):
        if url == "http://example.com:/x":
            assert target(url).port == 80  # an empty port is the default port, RFC 3986
            return
        with pytest.raises(Refused):
            target(url)

    @pytest.mark.parametrize(
        ("url", "plain"),
        [
            ("http://www.gov.cn", "http://www.gov.cn/"),
            ("HTTPS://News.Example.COM:443/a?b=1#c", "https://news.example.com/a?b=1"),
            ("http://例子.中国/新闻", "http://xn--fsqu00a.xn--fiqs8s/%E6%96%B0%E9%97%BB"),
            ("http://8.8.8.8/", "http://8.8.8.8/"),
            ("https://[2606:4700::1]/x", "https://[2606:4700::1]/x"),
        ],
    )
    def test_plain_urls_pass_in_one_form(self, url, plain):
        assert target(url).url == plain
        assert target(target(url).url).url == plain

    @given(st.text(max_size=80))
    def test_any_text_is_refused_or_public(self, url):
        for candidate in (url, "http://" + url):
            try:
                found = target(candidate)
            except Refused:
                continue
            assert found.port in (80, 443)
            assert found.address is None or public(found.address)

    @given(
        st.ip_addresses(v=4, network="10.0.0.0/8")
        | st.ip_addresses(v=4, network="100.64.0.0/10")
        | st.ip_addresses(v=6, network="64:ff9b::/96")
    )
    def test_no_inner_address_is_public(self, address):
        assert not public(address)

    def test_redirects_are_checked_like_first_urls(self):
        base = target("https://news.example.com/a/b")
        assert follow(base, "../c").url == "https://news.example.com/c"
        for location in ("http://news.example.com/", "https://169.254.169.254/", "file:///etc/passwd", "//10.0.0.1/"):
            with pytest.raises(Refused):
                follow(base, location)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(handler: Handler):
    """A site on loopback."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    port = place._server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def fetch(handler: Handler, path: str = "/", caps: Caps | None = None, **more: str) -> Answer:
    async def run() -> Answer:
        async with site(handler) as root, LoopbackFetcher(caps or Caps(seconds=5)) as fetcher:
            return await fetcher.get(root + path, **more)

    return asyncio.run(run())


class LoopbackFetcher(Fetcher):
    """The test's own allowance: loopback, any port."""

    def __init__(self, caps: Caps) -> None:
        super().__init__(caps, inside=True)


class TestFetcher:
    def test_a_page_comes_with_its_conditions(self):
        async def handler(request):
            if request.headers.get("If-None-Match") == '"v1"':
                return web.Response(status=304)
            assert "Chengheng" in request.headers["User-Agent"]
            assert "Cookie" not in request.headers
            return web.Response(text="你好", headers={"ETag": '"v1"'})

        answer = fetch(handler)
        assert (answer.body.decode(), answer.etag, answer.charset) == ("你好", '"v1"', "utf-8")
        assert fetch(handler, etag='"v1"').status == 304

    def test_loopback_is_refused_without_the_constructors_word(self):
        async def run():
            async with Fetcher() as fetcher:
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.get("http://127.0.0.1/")
                return caught.value.reason

        assert asyncio.run(run()) == "refused_address"

    @pytest.mark.parametrize("answers", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:10.0.0.1"], []])
    def test_a_name_with_any_inner_address_is_refused(self, answers):
        asked = []

        async def resolve(host, port):
            asked.append(host)
            return answers

        async def run():
            async with Fetcher(resolve=resolve) as fetcher:
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.get("http://rebind.example.com/")
                return caught.value.reason

        assert asyncio.run(run()) == "refused_address"
        assert asked == ["rebind.example.com"]

    def test_a_name_is_asked_once_and_the_answer_is_pinned(self):
        async def run():
            async def handler(request):
                return web.Response(text=request.headers["Host"])

            async with site(handler) as root:
                port = int(root.rsplit(":", 1)[1])
                asked = []

                async def resolve(host, _port):
                    asked.append(host)
                    return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

                async with Fetcher(Caps(seconds=3), resolve=resolve, inside=True) as fetcher:
                    # The rules' own ports are kept; the pinned session is asked directly with the site's port.
                    fetcher._pinned.known["news.example.com", port] = await resolve("news.example.com", port)
                    async with fetcher._session.get(f"http://news.example.com:{port}/") as reply:
                        return await reply.text(), asked

        host, asked = asyncio.run(run())
        assert host.startswith("news.example.com")
        assert len(asked) == 1

    @pytest.mark.parametrize(
        "location",
        [
            "http://169.254.169.254/latest/",
            "http://10.0.0.1/",
            "file:///etc/passwd",
            "http://[::1]/",
            "gopher://a.com/",
        ],
    )
    def test_redirects_inside_are_refused(self, location):
        async def handler(request):
            return web.Response(status=302, headers={"Location": location})

        with pytest.raises(FetchFailed, match="refused_"):
            fetch(handler)

    def test_a_redirect_loop_ends(self):
        async def handler(request):
            return web.Response(status=302, headers={"Location": "/b" if request.path == "/a" else "/a"})

        with pytest.raises(FetchFailed, match="redirect_loop"):
            fetch(handler)

    def test_a_slow_drip_ends_with_the_deadline(self):
        async def handler(request):
            reply = web.StreamResponse()
            await reply.prepare(request)
            for _ in range(100):
                await reply.write(b"x")
                await asyncio.sleep(0.05)
            return reply

        with pytest.raises(FetchFailed, match="too_slow"):
            fetch(handler, caps=Caps(seconds=0.5))

    def test_fifty_megabytes_are_not_read(self):
        async def handler(request):
            reply = web.StreamResponse()
            await reply.prepare(request)
            for _ in range(50):
                await reply.write(b"x" * 1_000_000)
            return reply

        with pytest.raises(FetchFailed, match="too_large"):
            fetch(handler)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    def test_bombs_are_not_unpacked(self, encoding):
        zeros = b"\0" * 30_000_000
        bomb = gzip.compress(zeros) if encoding == "gzip" else zlib.compress(zeros)

        async def handler(request):
            return web.Response(body=bomb, headers={"Content-Encoding": encoding})

        with pytest.raises(FetchFailed, match=r"compression_bomb|too_large"):
            fetch(handler)

    def test_compressed_pages_are_read(self):
        async def handler(request):
            return web.Response(body=gzip.compress("正文".encode() * 100), headers={"Content-Encoding": "gzip"})

        assert fetch(handler).body.decode() == "正文" * 100

    @pytest.mark.parametrize(("status", "permanent"), [(404, True), (410, True), (500, False), (429, False)])
    def test_refusals_of_the_site_are_told_apart(self, status, permanent):
        async def handler(request):
            return web.Response(status=status, headers={"Retry-After": "120"})

        with pytest.raises(FetchFailed) as caught:
            fetch(handler)
        assert (caught.value.permanent, caught.value.retry_after) == (permanent, 120.0)

    def test_a_server_that_hangs_up_is_a_failure_not_a_crash(self):
        async def handler(request):
            request.transport.close()
            return web.Response()

        with pytest.raises(FetchFailed, match="connection_"):
            fetch(handler)


class TestEncodings:
    @given(st.text(alphabet="城市管理垃圾清运道路积水居民反映问题处理，。！", min_size=6, max_size=80))
    def test_chinese_is_read_in_its_encodings(self, words):
        for encoding in ("utf-8", "gb18030", "utf-16"):
            assert decode(words.encode(encoding))[0] == words

    @given(st.binary(max_size=300), st.text(max_size=12))
    def test_any_bytes_are_read(self, body, declared):
        words, _ = decode(body, declared)
        words.encode("utf-8", "surrogatepass")

    def test_a_lying_declaration_does_not_win(self):
        assert decode("垃圾无人清运，居民意见很大".encode("gb18030"), "utf-8")[0].startswith("垃圾")
        assert decode("垃圾无人清运，居民意见很大".encode(), "gb2312")[0].startswith("垃圾")

    @pytest.mark.parametrize("name", ["chnsenti_train", "weibo2018_train"])
    def test_gb18030_is_always_recognised(self, shared, name):
        with gzip.open(shared / "data" / "opinion" / f"{name}.jsonl.gz", "rt") as rows:
            texts = [json.loads(row)["t"] for row in rows][:2000]
        wrong = [words for words in texts if decode(words.encode("gb18030"))[0] != words]
        assert wrong == []


RSS = """<?xml version="1.0" encoding="{encoding}"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>新闻</title><item><title>和平路&lt;script&gt;alert(1)&lt;/script&gt;塌陷</title><link>/a/1.html</link><guid>n-1</guid>
<pubDate>Sun, 22 Nov 2026 10:00:00 +0800</pubDate>
<description><![CDATA[<p>路面<b>塌陷</b><script>x()</script></p>]]></description></item>
<item><title>二</title><link>javascript:alert(1)</link><description>正文二</description></item></channel></rss>"""


class TestFeeds:
    @pytest.mark.parametrize("encoding", ["utf-8", "gb2312", "gb18030"])
    def test_rss_in_any_encoding(self, encoding):
        first, second = feeds.parse(
            RSS.format(encoding=encoding).encode(encoding), "http://news.example.com/feed", now=NOW
        )
        assert (first.id, first.url, first.title) == ("n-1", "http://news.example.com/a/1.html", "和平路 塌陷")
        assert first.body == "路面塌陷"
        assert first.published_at == datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
        assert second.url == ""

    def test_atom_and_json(self):
        atom = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>tag:1</id><title type="html">&lt;b&gt;积水&lt;/b&gt;</title>
        <link rel="alternate" href="http://a.example.com/1"/><updated>2026-11-22T01:00:00Z</updated><content type="xhtml">
        <div xmlns="http://www.w3.org/1999/xhtml">正文</div></content></entry></feed>"""
        (entry,) = feeds.parse(atom.encode(), now=NOW)
        assert (entry.id, entry.url, entry.title, entry.body) == ("tag:1", "http://a.example.com/1", "积水", "正文")
        data = {
            "version": "https://jsonfeed.org/version/1.1",
            "items": [{"id": 7, "url": "/x", "content_html": "<p>垃圾</p>"}],
        }
        (entry,) = feeds.parse(json.dumps(data).encode(), "http://b.example.com/", now=NOW)
        assert (entry.id, entry.url, entry.body) == ("7", "http://b.example.com/x", "垃圾")

    @pytest.mark.parametrize(
        "poison",
        [
            '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&x;</title></item></channel></rss>',
            '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss>&b;</rss>',
            '<!DOCTYPE r SYSTEM "http://169.254.169.254/x.dtd" [ ]><rss/>',
            "<html><body>no feed</body></html>", "", "   ", "{}", "[1,2]", "null", "<" * 5000, "<a>" * 20000,
            "{" * 100_000, "\x00\x01\x02",
        ],
    )  # fmt: skip
    def test_poison_is_refused_and_named(self, poison):
        with pytest.raises(Unreadable) as caught:
            feeds.parse(poison.encode())
        assert str(caught.value)

    def test_external_entities_never_reach_the_text(self):
        body = '<!DOCTYPE rss SYSTEM "file:///etc/passwd"><rss><channel><item><title>a &nosuch; b</title></item></channel></rss>'
        (entry,) = feeds.parse(body.encode())
        assert "root:" not in entry.title

    def test_broken_xml_is_mended(self):
        body = "<rss><channel><item><title>积水 & 塌陷</title><description>半截<br></item></channel>"
        assert feeds.parse(body.encode())[0].title.startswith("积水")

    @given(st.binary(max_size=400))
    def test_any_bytes_are_entries_or_refused(self, body):
        for content in (body, b"<rss><channel><item><title>" + body):
            try:
                for entry in feeds.parse(content, "http://a.example.com/", now=NOW):
                    assert len(entry.title) <= 300
            except Unreadable:
                pass

    def test_a_hub_is_found(self):
        body = b'<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="https://hub.example.com/"/><link rel="self" href="https://a.example.com/f"/></feed>'
        assert feeds.hub_of(body) == ("https://hub.example.com/", "https://a.example.com/f")


class TestClean:
    @given(st.text(alphabet="<>/!-scriptab&;lgt# \n'\"=x", max_size=120))
    def test_nothing_that_looks_like_a_tag_survives(self, fragment):
        assert not re.search(r"<[a-zA-Z/!?]", clean(fragment))
        assert "\n" not in clean_line(fragment)

    def test_words_stay(self):
        assert clean("<p>一</p><p>二&nbsp;三</p>") == "一\n二 三"
        assert clean("3 < 5 且 a>b") == "3 < 5 且 a>b"


class TestMoments:
    @pytest.mark.parametrize(
        ("said", "utc"),
        [
            ("2026-11-22 10:00", "2026-11-22T02:00:00+00:00"), ("2026年11月2日 9:05", "2026-11-02T01:05:00+00:00"),
            ("发布时间：2026/11/02 09:05:30 来源", "2026-11-02T01:05:30+00:00"),
            ("2026-11-22T02:00:00Z", "2026-11-22T02:00:00+00:00"),
            ("Sun, 22 Nov 2026 02:00:00 GMT", "2026-11-22T02:00:00+00:00"),
        ],
    )  # fmt: skip
    def test_times_as_they_are_written(self, said, utc):
        assert moment(said, NOW).isoformat() == utc

    def test_the_future_is_not_believed(self):
        assert moment((NOW + timedelta(days=2)).isoformat(), NOW) is None

    @given(st.text(max_size=40))
    def test_any_text_is_a_time_or_none(self, said):
        found = moment(said, NOW)
        assert found is None or found.tzinfo is not None


LIST = """<html><head><title>要闻</title></head><body><ul class="nav"><li><a href="/">首页</a></li></ul><ul class="list">
<li><a href="/2026/1122/a1.html">和平路路面塌陷正在抢修中</a><span>2026-11-22 09:00</span></li>
<li><a href="/2026/1122/a2.html">滨江道商户占道经营整治</a><span>2026-11-21 09:00</span></li>
<li><a href="http://news.example.com/2026/a3.html" title="全市生活垃圾分类推进会召开">全市生活垃圾…</a></li></ul>
<a href="http://ads.other.com/x">点击这里购买超值商品了</a></body></html>"""
ARTICLE = """<html><head><meta charset="gb2312"><title>路面塌陷_示例网</title>
<meta property="article:published_time" content="2026-11-22T09:00:00+08:00">
</head><body><nav>首页 新闻 体育 财经 娱乐 更多更多更多</nav>
<h1>和平路路面塌陷</h1>
<div id="c"><p>今天上午，和平路发生路面塌陷，所幸没有人员受伤。</p>
<p>市政部门已经到场，围挡施工，预计今晚恢复通行，请市民绕行。</p><p>记者将持续关注事件的进展，并第一时间发布消息。</p></div>
<div class="side"><a href="1">推荐阅读推荐阅读推荐阅读推荐阅读</a></div><script>var x="塌陷";</script></body></html>"""


class TestPages:
    def test_a_list_page_gives_its_articles(self):
        found = pages.links(LIST.encode(), "http://news.example.com/list.html", now=NOW)
        assert [entry.url.rsplit("/", 1)[1] for entry in found] == ["a1.html", "a2.html", "a3.html"]
        assert found[0].published_at == datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
        assert found[2].title == "全市生活垃圾分类推进会召开"
        assert pages.links(LIST.encode(), "http://news.example.com/", pick="//ul[@class='list']/li[1]")[
            0
        ].title.startswith("和平路")

    def test_a_bad_pick_is_refused(self):
        with pytest.raises(Unreadable):
            pages.links(LIST.encode(), "http://a.example.com/", pick="//[")

    def test_an_article_is_read(self):
        entry = pages.article(ARTICLE.encode("gb18030"), "http://news.example.com/a.html", now=NOW)
        assert entry.title == "和平路路面塌陷"
        assert "市政部门" in entry.body
        assert "推荐阅读" not in entry.body
        assert "var x" not in entry.body
        assert entry.published_at == datetime(2026, 11, 22, 1, 0, tzinfo=UTC)

    @settings(max_examples=60)
    @given(st.text(alphabet="<>abdivp/ ='\"!-[]城市管理&;", max_size=200))
    def test_any_page_is_read_or_refused(self, page):
        for reader in (pages.article, pages.links):
            with suppress(Unreadable):
                reader(page.encode(), "http://a.example.com/")

    def test_sitemaps(self):
        index = b"<sitemapindex><sitemap><loc>http://a.example.com/s1.xml</loc></sitemap></sitemapindex>"
        assert pages.sitemap(index) == ([], ["http://a.example.com/s1.xml"])
        urls = b"<urlset><url><loc>http://a.example.com/1</loc><lastmod>2026-11-20</lastmod></url><url><loc>file:///x</loc></url></urlset>"
        assert [entry.url for entry in pages.sitemap(urls)[0]] == ["http://a.example.com/1"]


class TestManners:
    def test_robots(self):
        rules = robots.read(200, b"User-agent: *\nDisallow: /private\nCrawl-delay: 7\n")
        assert rules.may("http://a.example.com/news")
        assert not rules.may("http://a.example.com/private/x")
        assert rules.delay() == 7.0
        assert robots.read(404, b"").may("http://a.example.com/")
        assert not robots.read(503, b"").may("http://a.example.com/")
        assert not robots.read(0, b"").may("http://a.example.com/")

    @given(st.integers(1, 40), st.floats(60, 3600))
    def test_back_off_grows_to_its_bound(self, failures, interval):
        wait = politeness.back_off(failures, interval)
        assert interval <= wait <= politeness.LONGEST_BACK_OFF
        assert politeness.back_off(failures + 1, interval) >= wait
        assert politeness.back_off(failures, interval, retry_after=50_000) >= 50_000

    def test_a_host_gets_one_visit_at_a_time(self):
        gate = politeness.HostGate(gap=2.0)
        assert [gate.admit(100.0), gate.admit(100.0), gate.admit(101.0), gate.admit(200.0)] == [0.0, 2.0, 3.0, 0.0]
