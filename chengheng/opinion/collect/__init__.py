"""Collecting public pages and feeds: what is fetched is hostile until checked, and no more is asked than is polite.

    addresses   which URLs may be fetched at all (no private network, no odd ports, no tricks)
    fetcher     one GET: pinned address, every redirect re-checked, caps on size, ratio and time
    encodings   bytes to text, GB18030 included
    feeds       RSS, Atom, JSON Feed → entries
    pages       list pages, articles, sitemaps → entries
    robots      what a site forbids, how slowly it wants to be read
    politeness  when to come again: per host, with back-off and dead letters

No login, no captcha, no account pools. Weibo, WeChat and Douyin come through the push-in API from a licensed source.
"""
