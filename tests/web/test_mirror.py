"""The mirror answers with the last reading, and with 304 to those who have it."""

import json

from support.ice_site import PAGE, IceHarness, constables

from bot.web.mirror import Mirror


async def test_the_mirror_serves_the_last_reading_once_and_its_documents_alone(tmp_path):
    ice = IceHarness(tmp_path / "data")
    mirror = Mirror(ice.store, PAGE)
    assert (await mirror.reading("/mirror", {}, b"")).status == 503
    ice.publish(constables(12))
    await ice.poll()
    answer = await mirror.reading("/mirror", {}, b"")
    assert answer.status == 200
    again = await mirror.reading("/mirror", {"If-None-Match": f'"other", W/{answer.headers["ETag"]}'}, b"")
    assert (again.status, again.body) == (304, b"")
    assert (await mirror.reading("/mirror", {"If-None-Match": "*"}, b"")).status == 304
    page, listing = json.loads(answer.body)["documents"]
    found = await mirror.document(f"/mirror/{listing['sha256']}", {}, b"")
    assert (found.status, found.body[:2]) == (200, b"PK")
    assert (await mirror.document(f"/mirror/{page['sha256']}", {}, b"")).status == 200
    assert (await mirror.document(f"/mirror/{'0' * 64}", {}, b"")).status == 404
    await ice.poll()
    assert (await mirror.reading("/mirror", {"If-None-Match": answer.headers["ETag"]}, b"")).status == 200
    await ice.store.close()


async def test_a_list_that_was_replaced_is_no_longer_served(tmp_path):
    ice = IceHarness(tmp_path / "data")
    mirror = Mirror(ice.store, PAGE)
    ice.publish(constables(12))
    await ice.poll()
    old = json.loads((await mirror.reading("/mirror", {}, b"")).body)["documents"][1]["sha256"]
    ice.publish(constables(13))
    await ice.poll()
    assert (await mirror.document(f"/mirror/{old}", {}, b"")).status == 404
    await ice.store.close()
