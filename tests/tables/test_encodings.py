"""The encoding of a text of a few lines, by the characters it decodes to."""

from __future__ import annotations

import pytest

from isthmus.tables.encoding import encoding_of

TEXTS = {
    "cp932": (
        "日付,都市,気温,湿度,天気\n2020/1/1,東京,15.2,50,晴れ\n2020/1/2,大阪,12,33,曇り\n",
        "氏名,年齢,住所\n山田太郎,34,東京都千代田区\n鈴木花子,28,大阪府大阪市\n",
        "商品コード,商品名,価格\nA1,ノートパソコン,98000\nA2,マウス,1500\n",
        "市町村,人口,世帯数,高齢化率\n市1,…,5,不明\n市2,3,5,不明\n市3,…,6,1%\n市4,…,6,2%\n",
    ),
    "cp1254": (
        "Şehir;Nüfus;Değişim\nİstanbul;3;4\nAğrı;5;6\nMuğla;7;8\n",
        "ad,yaş,meslek\nAyşe,33,öğretmen\nÇağrı,41,çiftçi\n",
        "Ürün,Mağaza\n1,2\n",
    ),
    "gb18030": (
        "姓名,城市,年龄,工资,是否在职\n员工001,北京,23,9000,是\n员工002,广州,44,8000,否\n",
        "日期,开盘价,最高价,最低价,收盘价,成交量\n2020-01-01,1,2,3,4,5\n",
        "省份,人口,面积\n四川,1,2\n黑龙江,3,4\n",
        "日期,天气\n" + "2,晴\n" * 50,
    ),
    "big5": ("姓名,城市,年齡\n王小明,台北,23\n李大同,高雄,33\n", "日期,開盤價,最高價,成交量\n2020-01-01,1,2,3\n"),
    "euc_jp": ("日付,都市,気温\n2020,東京,1\n2021,名古屋,3\n",),
    "euc_kr": (
        "지역,인구,면적\n서울,1,2\n부산,3,4\n",
        "이름,나이,주소\n김철수,34,서울특별시\n",
        "날짜,최고기온,날씨\n" + "2,3,예\n4,5,비\n" * 30,
    ),
    "cp1251": ("Город,Дата,Цена,Да/Нет\nМосква,1,2,да\nКазань,3,4,нет\n", "дата,сумма,цена\n1,2,3\n"),
    "koi8-r": ("дата,сумма,цена\n1,2,3\nодин,дата,зима\n", "имя,возраст,пол\nиван,33,муж\nольга,22,жен\n"),
    "cp866": ("имя,возраст,пол\nиван,33,муж\nольга,22,жен\n",),
    "cp1255": ("עיר,מחיר,כמות\nחיפה,1,2\nירושלים,3,4\nאילת,5,6\n", "תאריך,לחות\n2,כן\n3,לא\n"),
    "cp1250": ("Město,Počet\nBrno,3\nPlzeň,5\nÚstí,3\n",),
    "cp1252": (
        "Temp (°C),x\n3,4\n",
        "Name,Preis\nx,5 €\ny,3 €\n",
        "Area (m²),Dose (µg)\n3,4\n",
        "a,b ± s\n3,4\n",
        "Année,Région\n1990,Île-de-France\n",
        "Ærø,x\n1,2\nØst,3\n",
    ),
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_the_encoding_of_a_few_lines_is_detected(encoding):
    for text in TEXTS[encoding]:
        data = text.encode(encoding)
        assert data.decode(encoding_of(data, whole=True)) == text


def test_text_that_fits_no_encoding_is_read_as_windows_1252():
    data = b"Prince George\x89\xdb\xaas County, \xfd\x80 8:45am \x89\xdb\xd2 3pm, En Espa\xcc\xb1ol\n" * 20
    assert encoding_of(data, whole=True) == "cp1252"
