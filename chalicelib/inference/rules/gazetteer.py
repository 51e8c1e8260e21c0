"""Places that are known by name: countries, larger cities, regions, seas, rivers and mountains.

Written from general knowledge, as it is taught in schools; English names first, then those that
German, French and Spanish have of their own. Of moderate size on purpose: a place that is not here
is found by the words around it, or not at all.

A comma parts names; what stands in `AMBIGUOUS` is a place only where the words around it say so.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.replace("\n", " ").split(",") if name.strip())


COUNTRIES: Final = _names("""
Afghanistan, Albania, Algeria, Andorra, Angola, Antigua, Argentina, Armenia, Australia, Austria,
Azerbaijan, Bahamas, Bahrain, Bangladesh, Barbados, Belarus, Belgium, Belize, Benin, Bhutan,
Bolivia, Bosnia, Herzegovina, Bosnia and Herzegovina, Botswana, Brazil, Brunei, Bulgaria,
Burkina Faso, Burma, Burundi, Cambodia, Cameroon, Canada, Cape Verde, Central African Republic,
Chad, Chile, China, Colombia, Comoros, Congo, Costa Rica, Croatia, Cuba, Cyprus, Czechia,
Czech Republic, Czechoslovakia, Denmark, Djibouti, Dominica, Dominican Republic, East Timor,
Ecuador, Egypt, El Salvador, Equatorial Guinea, Eritrea, Estonia, Eswatini, Ethiopia, Fiji,
Finland, France, Gabon, Gambia, Georgia, Germany, East Germany, West Germany, Ghana, Greece,
Grenada, Guatemala, Guinea, Guinea-Bissau, Guyana, Haiti, Honduras, Hungary, Iceland, India,
Indonesia, Iran, Iraq, Ireland, Northern Ireland, Israel, Italy, Ivory Coast, Jamaica, Japan,
Jordan, Kazakhstan, Kenya, Kiribati, Korea, North Korea, South Korea, Kosovo, Kuwait, Kyrgyzstan,
Laos, Latvia, Lebanon, Lesotho, Liberia, Libya, Liechtenstein, Lithuania, Luxembourg, Madagascar,
Malawi, Malaysia, Maldives, Mali, Malta, Mauritania, Mauritius, Mexico, Micronesia, Moldova,
Monaco, Mongolia, Montenegro, Morocco, Mozambique, Myanmar, Namibia, Nauru, Nepal, Netherlands,
New Zealand, Nicaragua, Niger, Nigeria, North Macedonia, Macedonia, Norway, Oman, Pakistan, Palau,
Palestine, Panama, Papua New Guinea, Paraguay, Peru, Philippines, Poland, Portugal, Prussia, Qatar,
Romania, Russia, Rwanda, Samoa, San Marino, Saudi Arabia, Senegal, Serbia, Seychelles,
Sierra Leone, Singapore, Slovakia, Slovenia, Somalia, South Africa, South Sudan, Soviet Union,
Spain, Sri Lanka, Sudan, Suriname, Sweden, Switzerland, Syria, Taiwan, Tajikistan, Tanzania,
Thailand, Tibet, Togo, Tonga, Trinidad, Tobago, Trinidad and Tobago, Tunisia, Turkey, Turkmenistan,
Tuvalu, Uganda, Ukraine, United Arab Emirates, United Kingdom, United States,
United States of America, Great Britain, Britain, England, Scotland, Wales, Uruguay, USA, UK,
USSR, Uzbekistan, Vanuatu, Vatican City, Venezuela, Vietnam, Yemen, Yugoslavia, Zambia, Zimbabwe,
Rhodesia, Persia, Ceylon, Siam, Byzantium, Babylon, Carthage, Ottoman Empire, Roman Empire,
Holy Roman Empire, Byzantine Empire, Austria-Hungary, Greenland, Hong Kong, Macau, Puerto Rico,
Gibraltar, Bermuda, Guam
""")

REGIONS: Final = _names("""
Europe, Asia, Africa, Oceania, Antarctica, North America, South America, Latin America,
Central America, Middle East, Far East, Scandinavia, Balkans, Caucasus, Siberia, Sahara, Sahel,
Mesopotamia, Levant, Anatolia, Asia Minor, Caribbean, West Indies, Polynesia, Melanesia,
Catalonia, Andalusia, Castile, Aragon, Galicia, Basque Country, Normandy, Brittany, Burgundy,
Provence, Alsace, Lorraine, Champagne, Savoy, Corsica, Sardinia, Sicily, Tuscany, Lombardy,
Piedmont, Umbria, Calabria, Veneto, Bavaria, Saxony, Westphalia, Thuringia, Hesse, Brandenburg,
Pomerania, Silesia, Rhineland, Swabia, Tyrol, Styria, Carinthia, Bohemia, Moravia, Transylvania,
Wallachia, Moldavia, Crimea, Chechnya, Flanders, Wallonia, Holland, Friesland, Jutland, Lapland,
Crete, Peloponnese, Thrace, Thessaly, Kashmir, Punjab, Bengal, Gujarat, Rajasthan, Kerala,
Tamil Nadu, Assam, Bihar, Maharashtra, Sindh, Sichuan, Guangdong, Xinjiang, Manchuria, Yunnan,
Hokkaido, Kyushu, Honshu, Okinawa, Java, Sumatra, Borneo, Bali, Timor, Tasmania, Queensland,
New South Wales, Western Australia, South Australia, Ontario, Quebec, British Columbia, Alberta,
Manitoba, Saskatchewan, Nova Scotia, New Brunswick, Newfoundland, Labrador, Yukon,
Cornwall, Devon, Kent, Sussex, Essex, Surrey, Norfolk, Suffolk, Yorkshire, Lancashire, Cumbria,
Northumberland, Durham, Somerset, Dorset, Hampshire, Wiltshire, Oxfordshire, Berkshire, Cheshire,
Derbyshire, Shropshire, Herefordshire, Lincolnshire, Nottinghamshire, Leicestershire,
Northamptonshire, Cambridgeshire, Hertfordshire, Buckinghamshire, Ulster, Connacht, Munster,
Leinster, Hebrides, Orkney, Shetland, Highlands, Midlands,
Alabama, Alaska, Arizona, Arkansas, California, Colorado, Connecticut, Delaware, Florida, Hawaii,
Idaho, Illinois, Indiana, Iowa, Kansas, Kentucky, Louisiana, Maine, Maryland, Massachusetts,
Michigan, Minnesota, Mississippi, Missouri, Montana, Nebraska, Nevada, New Hampshire, New Jersey,
New Mexico, New York, North Carolina, North Dakota, Ohio, Oklahoma, Oregon, Pennsylvania,
Rhode Island, South Carolina, South Dakota, Tennessee, Texas, Utah, Vermont, Virginia, Washington,
West Virginia, Wisconsin, Wyoming, New England, Midwest, Silicon Valley, Manhattan, Brooklyn,
Queens, Bronx, Harlem, Hollywood
""")

CITIES: Final = _names("""
Abidjan, Abu Dhabi, Abuja, Accra, Adelaide, Addis Ababa, Aleppo, Alexandria, Algiers, Almaty,
Amman, Amsterdam, Ankara, Antwerp, Athens, Atlanta, Auckland, Austin, Avignon, Baghdad, Baku,
Baltimore, Bamako, Bangalore, Bangkok, Barcelona, Basel, Basra, Bath, Beijing, Beirut, Belfast,
Belgrade, Bergen, Berlin, Bern, Bilbao, Birmingham, Bogota, Bogotá, Bologna, Bombay, Bonn,
Bordeaux, Boston, Bradford, Brasilia, Brasília, Bratislava, Bremen, Brest, Brighton, Brisbane,
Bristol, Bruges, Brussels, Bucharest, Budapest, Buenos Aires, Buffalo, Cairo, Calais, Calcutta,
Calgary, Cambridge, Canberra, Canterbury, Canton, Cape Town, Caracas, Cardiff, Casablanca,
Charleston, Charlotte, Chennai, Chicago, Christchurch, Cincinnati, Cleveland, Cologne, Colombo,
Constantinople, Copenhagen, Cordoba, Córdoba, Cork, Cracow, Dakar, Dallas, Damascus,
Dar es Salaam, Darwin, Delhi, Denver, Detroit, Dhaka, Doha, Dortmund, Dover, Dresden, Dubai,
Dublin, Dubrovnik, Dundee, Durban, Düsseldorf, Edinburgh, Essen, Exeter, Fez, Florence, Frankfurt,
Freetown, Gdansk, Gdańsk, Geneva, Genoa, Ghent, Glasgow, Gothenburg, Granada, Graz, Grenoble,
Guadalajara, Guangzhou, Guayaquil, Haarlem, Haifa, Halifax, Hamburg, Hannover, Hanover, Hanoi,
Harare, Havana, Heidelberg, Helsinki, Hiroshima, Ho Chi Minh City, Honolulu, Houston, Hyderabad,
Indianapolis, Innsbruck, Isfahan, Islamabad, Istanbul, Izmir, Jaffa, Jakarta, Jeddah, Jerusalem,
Johannesburg, Kabul, Kampala, Karachi, Kathmandu, Kharkiv, Khartoum, Kiel, Kiev, Kigali, Kingston,
Kinshasa, Kobe, Kolkata, Kraków, Krakow, Kuala Lumpur, Kuwait City, Kyiv, Kyoto, Königsberg,
La Paz, Lagos, Lahore, Las Vegas, Lausanne, Leeds, Leicester, Leiden, Leipzig, Leningrad, Lhasa,
Lille, Lima, Limerick, Linz, Lisbon, Liverpool, Ljubljana, London, Los Angeles, Louisville,
Luanda, Lucerne, Lusaka, Lviv, Lyon, Lyons, Lübeck, Madras, Madrid, Mainz, Malmö, Managua,
Manchester, Mandalay, Manila, Mannheim, Maputo, Marrakesh, Marseille, Marseilles, Mecca, Medina,
Melbourne, Memphis, Mexico City, Miami, Milan, Milwaukee, Minneapolis, Minsk, Mogadishu, Mombasa,
Monrovia, Montevideo, Montpellier, Montreal, Moscow, Mosul, Mumbai, Munich, Nagasaki, Nagoya,
Nairobi, Nanjing, Naples, Nashville, Newcastle, New Delhi, New Orleans, New York City, Nice,
Nicosia, Nottingham, Novgorod, Nuremberg, Odessa, Osaka, Oslo, Ottawa, Oxford, Padua, Palermo,
Paris, Peking, Perth, Philadelphia, Phnom Penh, Phoenix, Pisa, Pittsburgh, Plymouth,
Podgorica, Port-au-Prince, Portland, Porto, Portsmouth, Potsdam, Prague, Pretoria, Pyongyang,
Quebec City, Quito, Rangoon, Ravenna, Reykjavik, Riga, Rio de Janeiro, Riyadh, Rome, Rotterdam,
Rouen, Sacramento, Saigon, Salamanca, Salt Lake City, Salzburg, Samarkand, San Antonio, San Diego,
San Francisco, San José, San Salvador, San Juan, Santiago, Santo Domingo, Sao Paulo, São Paulo,
Sarajevo, Seattle, Seoul, Seville, Shanghai, Sheffield, Shenzhen, Siena, Skopje, Smyrna, Sofia,
Southampton, Sparta, Stalingrad, Stockholm, Strasbourg, Stuttgart, Surabaya, Sydney, Syracuse,
St. Louis, St. Petersburg, Saint Petersburg, Tallinn, Tampa, Tangier, Tashkent, Tbilisi, Tehran,
Tel Aviv, Thebes, Thessaloniki, Tianjin, Tirana, Tokyo, Toledo, Toronto, Toulouse, Tours, Trieste,
Tripoli, Troy, Tunis, Turin, Ulaanbaatar, Uppsala, Utrecht, Valencia, Valparaíso, Vancouver,
Venice, Verona, Versailles, Vienna, Vilnius, Warsaw, Washington, Washington D.C., Washington DC,
Weimar, Wellington, Winchester, Windsor, Winnipeg, Wittenberg, Worcester, Wroclaw, Wuhan, Yalta,
Yangon, Yerevan, Yokohama, York, Zagreb, Zanzibar, Zurich, Zürich, The Hague, Hague
""")

NATURE: Final = _names("""
Alps, Andes, Apennines, Ardennes, Balkan Mountains, Carpathians, Himalayas, Hindu Kush, Karakoram,
Pyrenees, Rocky Mountains, Rockies, Urals, Appalachians, Dolomites, Vosges, Black Forest,
Everest, Kilimanjaro, Vesuvius, Etna, Fuji, Matterhorn, Mont Blanc, Krakatoa, Olympus, Sinai,
Danube, Rhine, Rhône, Rhone, Seine, Loire, Thames, Tiber, Po, Elbe, Oder, Vistula, Volga, Don,
Dnieper, Dniester, Nile, Niger, Congo, Zambezi, Limpopo, Ganges, Indus, Brahmaputra, Mekong,
Yangtze, Yellow River, Amur, Lena, Ob, Yenisei, Euphrates, Tigris, Amazon, Orinoco, Paraná,
Mississippi, Missouri, Hudson, Potomac, Colorado, Rio Grande, Ebro, Tagus, Douro, Guadalquivir,
Garonne, Meuse, Moselle, Main, Neckar, Severn, Mersey, Tyne, Shannon, Murray,
Atlantic, Atlantic Ocean, Pacific, Pacific Ocean, Indian Ocean, Arctic, Arctic Ocean,
Southern Ocean, Mediterranean, Mediterranean Sea, Adriatic, Aegean, Baltic, Baltic Sea, Black Sea,
Caspian Sea, Dead Sea, Red Sea, North Sea, Irish Sea, Caribbean Sea, South China Sea, Sea of Japan,
English Channel, Persian Gulf, Gulf of Mexico, Bay of Bengal, Bay of Biscay, Bosphorus, Bosporus,
Dardanelles, Suez Canal, Panama Canal, Strait of Gibraltar, Cape Horn, Cape of Good Hope,
Lake Victoria, Lake Michigan, Lake Superior, Lake Erie, Lake Ontario, Lake Geneva, Lake Constance,
Niagara Falls, Victoria Falls, Grand Canyon, Great Barrier Reef, Gobi, Kalahari, Galápagos,
Galápagos Islands, Galapagos Islands, Canary Islands, Azores, Madeira, Faroe Islands,
Falkland Islands, Balearic Islands, Majorca, Mallorca, Ibiza, Rhodes, Lesbos, Delos, Ithaca,
Iona, Lindisfarne, Skye, Jersey, Guernsey, Isle of Wight, Isle of Man, Elba, Saint Helena,
Mercury, Venus, Mars, Jupiter, Saturn, Uranus, Neptune, Pluto, Mount Everest, Mount Athos
""")

EXONYMS: Final = {
    "de": _names("""
Deutschland, Österreich, Schweiz, Frankreich, Italien, Spanien, Portugal, Griechenland, Türkei,
Russland, Polen, Ungarn, Tschechien, Slowakei, Slowenien, Kroatien, Serbien, Rumänien, Bulgarien,
Schweden, Norwegen, Dänemark, Finnland, Niederlande, Belgien, Irland, Schottland, England,
Großbritannien, Vereinigte Staaten, Ägypten, Indien, Brasilien, Mexiko, Kanada, Australien,
Südafrika, Ukraine, Litauen, Lettland, Estland, Europa, Afrika, Asien, Amerika, Nordamerika,
Südamerika, Bayern, Sachsen, Preußen, Hessen, Westfalen, Thüringen, Böhmen, Mähren, Schlesien,
Tirol, Steiermark, Kärnten, Sizilien, Toskana, Wien, München, Köln, Nürnberg, Frankfurt,
Frankfurt am Main, Straßburg, Zürich, Genf, Basel, Bern, Luzern, Mailand, Rom, Venedig, Florenz,
Neapel, Turin, Genua, Prag, Warschau, Krakau, Breslau, Danzig, Königsberg, Moskau,
Sankt Petersburg, Kiew, Bukarest, Belgrad, Athen, Lissabon, Brüssel, Antwerpen, Den Haag,
Kopenhagen, Peking, Tokio, Kairo, Jerusalem, Konstantinopel, Donau, Rhein, Mosel, Elbe, Oder,
Weser, Isar, Spree, Alpen, Ostsee, Nordsee, Mittelmeer, Atlantik, Bodensee, Schwarzwald, Harz,
Hannover, Göttingen, Tübingen, Freiburg, Augsburg, Regensburg, Würzburg, Bamberg, Jena, Weimar,
Erfurt, Halle, Magdeburg, Rostock, Kassel, Münster, Bielefeld, Aachen, Saarbrücken, Karlsruhe
"""),
    "fr": _names("""
France, Allemagne, Autriche, Suisse, Italie, Espagne, Portugal, Grèce, Turquie, Russie, Pologne,
Hongrie, Tchéquie, Croatie, Serbie, Roumanie, Bulgarie, Suède, Norvège, Danemark, Finlande,
Pays-Bas, Belgique, Irlande, Écosse, Angleterre, Grande-Bretagne, Royaume-Uni, États-Unis, Égypte,
Inde, Chine, Japon, Brésil, Mexique, Canada, Australie, Algérie, Maroc, Tunisie, Sénégal,
Côte d'Ivoire, Liban, Syrie, Ukraine, Europe, Afrique, Asie, Amérique, Bretagne, Normandie,
Bourgogne, Alsace, Savoie, Corse, Catalogne, Bavière, Flandre, Wallonie, Londres, Édimbourg,
Dublin, Berlin, Munich, Cologne, Vienne, Genève, Bâle, Berne, Zurich, Milan, Rome, Venise,
Florence, Naples, Turin, Gênes, Prague, Varsovie, Cracovie, Moscou, Saint-Pétersbourg, Athènes,
Lisbonne, Bruxelles, Anvers, Gand, Bruges, La Haye, Copenhague, Pékin, Tokyo, Le Caire, Jérusalem,
Alger, Québec, Montréal, Strasbourg, Reims, Dijon, Nantes, Rennes, Orléans, Nîmes, Arles, Angers,
Limoges, Besançon, Le Havre, La Rochelle, Saint-Étienne, Aix-en-Provence, Clermont-Ferrand, Seine,
Loire, Rhône, Garonne, Rhin, Alpes, Pyrénées, Méditerranée, Atlantique, Bastille, Sorbonne
"""),
    "es": _names("""
España, Alemania, Austria, Suiza, Italia, Francia, Portugal, Grecia, Turquía, Rusia, Polonia,
Hungría, Croacia, Serbia, Rumanía, Bulgaria, Suecia, Noruega, Dinamarca, Finlandia, Países Bajos,
Holanda, Bélgica, Irlanda, Escocia, Inglaterra, Gran Bretaña, Reino Unido, Estados Unidos, Egipto,
India, China, Japón, Brasil, México, Perú, Argentina, Chile, Colombia, Venezuela, Bolivia, Cuba,
Panamá, Canadá, Australia, Marruecos, Argelia, Ucrania, Europa, África, Asia, América, Andalucía,
Cataluña, Castilla, Aragón, Galicia, Asturias, Navarra, Extremadura, País Vasco, Londres,
Edimburgo, Dublín, Berlín, Múnich, Colonia, Viena, Ginebra, Milán, Roma, Venecia, Florencia,
Nápoles, Praga, Varsovia, Moscú, Atenas, Lisboa, Oporto, Bruselas, Amberes, La Haya, Copenhague,
Pekín, Tokio, El Cairo, Jerusalén, Nueva York, Ciudad de México, Madrid, Barcelona, Sevilla,
Valencia, Zaragoza, Málaga, Granada, Córdoba, Toledo, Salamanca, Burgos, Santander, Bilbao,
Pamplona, Cádiz, Mérida, Cuzco, Cusco, Potosí, Sucre, Bogotá, Medellín, Cartagena, Guayaquil,
Asunción, Montevideo, Rosario, Valparaíso, La Habana, Ebro, Tajo, Duero, Guadalquivir, Andes,
Pirineos, Mediterráneo, Atlántico, Pacífico, Canarias, Baleares
"""),
}

AMBIGUOUS: Final = _names("""
Bath, Nice, Cork, Essen, Main, Po, Don, Ob, Lena, Mars, Mercury, Tours, Champagne, Jersey, Buffalo,
Halle, Harz, Amazon, Phoenix, Darwin, Lincoln, Hudson, Murray, Shannon, Wellington, Houston,
Bradford, Windsor, Winchester, Charlotte, Victoria, Florence, Austin, Chad, Queens, Highlands,
Midlands, Colonia, Rosario, Mérida, Olympus, Troy, Cleveland, Sofia, Santiago, Medina
""")

PLACES: Final = COUNTRIES | REGIONS | CITIES | NATURE
"""Every place with an English name."""

WITHIN: Final = COUNTRIES | REGIONS
"""Places that others lie in: ``Leiria, Portugal``."""
