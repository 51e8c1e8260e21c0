"""The words by which names are recognised: titles, given names, what organisations are called.

Written from general knowledge. Words of one list that are common words in a text, too, stand in
`COMMON`, and count as names only where something else speaks for it.
"""

from __future__ import annotations

from typing import Final


def listed(text: str) -> frozenset[str]:
    """Return the words of a text, for membership."""
    return frozenset(text.split())


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.replace("\n", " ").split(",") if name.strip())


# --- people

TITLES: Final = listed("""
Mr Mrs Ms Miss Mister Master Dr Doctor Prof Professor Rev Reverend Fr Father Sister Brother Sir
Lord Lady Dame Baron Baroness Count Countess Duke Duchess Earl Viscount Marquis Marquess Prince
Princess King Queen Emperor Empress Tsar Czar Kaiser Sultan Shah Caliph Emir Archduke Pope
Cardinal Archbishop Bishop Abbot Abbess Rabbi Imam Sheikh President Chancellor Premier Senator
Congressman Congresswoman Governor Mayor Ambassador Secretary Minister Judge Justice General
Admiral Colonel Major Captain Capt Lieutenant Lt Sergeant Sgt Corporal Commander Marshal Gen Col
Adm Maj Inspector Detective Chairman Aunt Uncle Cousin Grandma Grandpa Madam Madame Mme Monsieur
Mademoiselle Mlle Herr Frau Fräulein Señor Señora Señorita Don Doña Sr Sra Srta Signor Signora
""")
"""Before a name, in any of the languages; "M." is French alone."""

TITLES_LOWER: Final = {
    "de": listed("herr herrn frau fräulein doktor professor"),
    "fr": listed("monsieur madame mademoiselle docteur professeur maître"),
    "es": listed("señor señora señorita don doña doctor doctora profesor profesora"),
}
"""Titles that some languages write small."""

ROLES: Final = listed("""
actor actress architect artist astronaut astronomer author bassist biographer biologist botanist
boxer brother businessman captain chairman chairwoman chemist chess clerk composer conductor cousin
critic dancer daughter director doctor driver dramatist economist editor emperor engineer engraver
essayist explorer farmer father filmmaker footballer founder friend geologist governor grandfather
grandmother grandson guitarist heir historian husband illustrator inventor journalist judge king
lawyer linguist mathematician mayor merchant midfielder minister missionary mother musician
naturalist nephew niece novelist nurse painter pharaoh philologist philosopher photographer
physician physicist pianist pilot playwright poet politician preacher president priest printer
prince princess producer professor psychologist queen scholar sculptor senator singer sister
sociologist soldier son spokesman spokeswoman striker student surgeon teacher tenor theologian
translator traveller traveler uncle violinist widow wife winner writer zoologist man woman boy
girl owner
clerk tenant defendant claimant witness manager coach banker baker butcher sailor monk nun banker
""")
"""Small words right before a name: "the physicist Chien-Shiung Wu", "a man named Lot"."""

AUTHOR_ROLES: Final = listed("""
author biographer dramatist essayist novelist playwright poet writer romancier écrivain poète autor
autora escritor escritora poeta novelista dichter dichterin schriftsteller schriftstellerin autorin
""")

SAYING: Final = listed("""
said says wrote writes told tells asked asks argued argues replied answered added adds thought
believed believes explained explains recalled insisted warned denied admitted claimed claims noted
notes observed died married lived lives taught teaches studied moved travelled traveled sailed
painted composed played plays sang loved hated knew knows remembered laughed smiled cried nodded
walked ran wept succeeded resigned retired testified became meets met confessed whispered shouted
likes dreamed
""")
"""What people do: right after two capitalised words it speaks for a person."""

PARTICLES: Final = listed("""
van von der den de da di del della dos das du des la le lo el al bin ibn ben bint abu ter ten zu
zum zur y e af av st de' de’
""")
"""Small words within a surname: "Jean-Luc van der Berg"."""

SUFFIXES: Final = listed("Jr Sr Jr. Sr. I II III IV V VI VII VIII IX X XI XII XIII XIV XV XVI")

GIVEN: Final = listed("""
Aaron Abdul Abel Abigail Abraham Achille Ada Adam Adela Adele Adolf Adrian Adriana Agatha Agnes
Ahmad Ahmed Aisha Alan Albert Alberto Aldous Alejandro Aleksandr Alessandro Alex Alexander
Alexandra Alexandre Alexei Alfonso Alfred Ali Alice Alicia Alison Allan Allen Alvin Amanda Amara
Ambrose Amelia Amin Amina Amir Amy Ana Anastasia Anatole Anders Andrea Andreas Andrei Andrew
Angela Angelo Anita Ann Anna Anne Annie Anthony Antoine Anton Antonia Antonio Anya Apollonia
Arnold Arthur Arturo Astrid Audrey August Augusta Auguste Augustine Augustus Barbara Barnaby
Bartholomew Basil Beatrice Beatrix Ben Benedict Benito Benjamin Bernard Bernardo Bertha Bertrand
Beth Betty Bianca Bill Birgit Björn Blanche Bob Bonnie Boris Brenda Brian Bridget Bruno Camille
Camilla Carl Carla Carlo Carlos Carmen Carol Caroline Catalina Catherine Cecil Cecilia Celia
Charles Charlie Chiara Chloe Chris Christian Christiane Christina Christine Christoph Christopher
Clara Clare Claire Clarence Claude Claudia Clemens Clement Clifford Conrad Constance Cornelia
Cornelius Craig Cristina Cynthia Cyril Dagmar Daisy Dale Dan Daniel Daniela Dante Daphne David
Deborah Denis Dennis Derek Diana Diane Diego Dieter Dietrich Dimitri Dmitri Dominic Dominique
Donald Donna Dora Doris Dorothea Dorothy Douglas Duncan Dylan Edgar Edith Edmund Eduard Eduardo
Edward Edwin Eileen Eleanor Elena Eleonora Eli Elias Elijah Elisa Elisabeth Elise Eliza Elizabeth
Ella Ellen Elsa Elsie Elvira Emanuel Emil Emile Émile Emilia Emilio Emily Emma Emmanuel Enid
Enrico Enrique Eric Erica Erich Erik Erika Ernest Ernesto Ernst Erwin Esther Ethan Ethel Etienne
Étienne Eugene Eugène Eva Evan Eve Evelyn Fabio Fatima Federico Felicity Felipe Felix Ferdinand
Fernando Fidel Fiona Frances Francesca Francesco Francis Francisco Franco François Françoise Frank
Franklin Franz Fred Frederic Frédéric Frederick Frida Friedrich Fritz Fyodor Gabriel Gabriela
Gabrielle Gail Galileo Gary Geoffrey Georg George Georges Georgia Gerald Gerard Gerhard Gertrude
Giacomo Gianni Gilbert Giles Gina Giorgio Giovanni Giulia Giuseppe Gladys Glenn Gloria Godfrey
Gordon Grace Graham Greg Gregor Gregory Greta Grigory Guillaume Guillermo Günter Gustav Gustave
Guy Gwen Hannah Hans Harald Harold Harriet Harry Harvey Hassan Haruki Hector Heidi Heinrich Heinz
Helen Helena Helene Helga Helmut Hendrik Henri Henrietta Henrik Henry Herbert Herman Hermann
Hilary Hilda Hillary Hiroshi Homer Horace Hubert Hugh Hugo Humphrey Ian Ibrahim Ida Ignacio Igor
Immanuel Indira Inés Inês Ines Ingmar Ingrid Irene Iris Irina Isaac Isabel Isabella Isabelle
Isaiah Ismail Ivan Ivy Jack Jackie Jacob Jacqueline Jacques Jaime Jakob James Jamie Jan Jane Janet
Janice Jason Javier Jawaharlal Jean Jean-Baptiste Jean-Jacques Jean-Luc Jean-Paul Jean-Pierre
Jeanne Jeff Jeffrey Jennifer Jens Jeremiah Jeremy Jerome Jerry Jesse Jessica Jill Jim Jimmy
Joachim Joan Joanna Joaquín Jocelyn Joe Joel Johan Johann Johanna Johannes John Johnny Jon Jonas
Jonathan Jordan Jorge José Josef Josefina Joseph Josephine Joshua Josiah Joyce Juan Juana Juanita
Judith Jules Julia Julian Juliana Julie Julien Juliet Julio Julius June Jürgen Karen Karim Karin
Karl Kate Katharina Katherine Kathleen Kathryn Katie Kazuo Keith Ken Kenneth Kenji Kevin Khalid
Kim Kirsten Klaus Klara Konrad Konstantin Kurt Lars Laszlo László Laura Laurence Laurent Lavinia
Lawrence Leila Leo Leon Leonard Leonardo Leonid Leopold Leslie Leticia Lev Lewis Liam Lidia
Lieselotte Lila Lillian Linda Lionel Lisa Lise Lloyd Lola Lorenzo Lothar Lou Louis Louisa Louise
Luc Luca Lucas Lucia Lucian Lucien Lucille Lucy Ludwig Luigi Luis Luisa Luise Lukas Luke Luther
Lydia Lyndon Mabel Madeleine Madeline Magdalena Magnus Mahatma Malcolm Manfred Manuel Manuela Marc
Marcel Marcela Marco Marcus Margaret Margarita Margot Marguerite Maria María Mariam Marian Mariana
Marianne Marie Marilyn Mario Marion Marjorie Mark Marlene Marta Martha Martin Martín Martina
Marvin Mary Mathilde Matilda Matteo Matthew Matthias Maud Maureen Maurice Max Maximilian Maxim May
Maya Megan Mehmet Melanie Melissa Mercedes Meredith Michael Michel Michelangelo Michele Michelle
Miguel Mikhail Mildred Miles Milton Miranda Miriam Mohamed Mohammad Mohammed Mohandas Moira Molly
Mona Monica Monika Montgomery Morgan Morris Moses Muhammad Muriel Mustafa Myra Myriam Nadia Nadine
Nancy Naomi Napoleon Natalia Natalie Natasha Nathan Nathaniel Neil Nelson Niccolò Nicholas Nicola
Nicolas Nicole Niels Nigel Nikita Nikola Nikolai Nils Nina Noah Noel Nora Norbert Norman Octavia
Odette Olaf Oleg Olga Oliver Olivia Olivier Omar Orhan Orlando Oscar Oskar Oswald Otto Pablo
Pamela Paola Paolo Pascal Patricia Patrick Paul Paula Pauline Pavel Pearl Pedro Penelope Percy
Perry Peter Petra Petrarch Phil Philip Philippa Philippe Phillip Phoebe Phyllis Pierre Pieter
Pilar Priscilla Rabindranath Rachel Rafael Rainer Ralph Ramón Ramona Raoul Raphael Raúl Ravi Ray
Raymond Rebecca Regina Reginald Reinhard Reinhold Rembrandt Renate Rene René Reuben Ricardo
Richard Rita Robert Roberta Roberto Robin Roderick Rodrigo Roger Roland Rolf Roman Romeo Ronald
Rosa Rosalind Rosalie Rosamund Rose Rosemary Ross Roxana Roy Rudolf Rudolph Rudyard Rufus Rupert
Russell Ruth Ryan Sabine Sadie Salma Salman Salvador Salvatore Sam Samantha Samuel Sandra Sara
Sarah Saul Scott Sean Sebastian Serena Serge Sergei Seymour Sharon Sheila Sherlock Shirley Sibyl
Sidney Siegfried Sigmund Sigrid Silvia Simon Simón Simone Sofia Sonia Sophia Sophie Stanley Stefan
Stella Stephanie Stephen Steve Steven Stewart Stuart Susan Susanna Susanne Suzanne Svetlana Sven
Sybil Sylvia Tamara Tatiana Ted Teresa Terence Terry Thaddeus Thelma Theo Theodor Theodora
Theodore Theresa Thomas Thorsten Tim Timothy Tina Tobias Todd Tom Tomás Tomasz Toni Tony Tracy
Ulrich Ulrike Umberto Una Ursula Valentina Valerie Vanessa Vasily Vera Veronica Victor Victoria
Vikram Viktor Vincent Vincenzo Viola Violet Virginia Vita Vivian Vladimir Volker Walt Walter Wanda
Warren Wendy Werner Wilfred Wilhelm Wilhelmina Will Willem William Willy Wilma Winifred Winston
Wisława Wolfgang Woodrow Xavier Yasmin Yasser Yoko Yolanda Yuri Yusuf Yves Yvonne Zachary Zadie
Zoe Zoë Zora Álvaro Ángel Óscar Gabriele Jörg Käthe Søren Åsa Øystein Ingeborg Sigurd Chinua Wole
Kofi Kwame Nelson Desmond Thabo Jomo Haile Amadou Ousmane Mamadou Awa Fatou Aminata Chimamanda
Anwar Gamal Nasser Hamid Hussein Ismael Jamal Karima Layla Mahmoud Naguib Nizar Rashid Saddam
Salim Tariq Yusra Zainab Abu Akira Haruka Hideo Hayao Kenzaburo Masako Naoko Natsume Satoshi
Takashi Yasunari Yukio Yuki Arjun Amartya Amitav Anita Arundhati Deepak Gita Indra Kiran Lakshmi
Meera Narendra Priya Rajiv Ramesh Rohit Sanjay Shashi Sunita Vijay Bronisław Czesław Jarosław
Kazimierz Krzysztof Lech Małgorzata Stanisław Tadeusz Zbigniew Jiří Václav Milan Miloš Zoran
Dragan Goran Slobodan Ana Beatriz Joaquim João Jorge Luís Pedro Rui Vasco Fernão Nuno Helena
""")

COMMON_GIVEN: Final = listed("""
Will May Mark Grace Hope Rose June April August Joy Faith Frank Grant Bill Rob Art Pat Drew Chase
Miles Ray Guy Max Violet Iris Ivy Daisy Pearl Viola Dale Roman Christian Homer Cyril Victor
Victoria Virginia Florence Georgia Jordan Paris Austin Chad Charlotte Sydney Chelsea Carolina
Dakota Nelson Scott Warren Stewart Morgan Ross Roy Lee Kim Jean Jan Lev Basil Norman Milan
Valentina Angel Una Vita Augustus Regina Gloria Mercedes Sierra Dante Luther Mona Penelope Perry
Lou Franklin Lloyd Gale Gordon Douglas Duncan Craig Keith Dylan Tracy Abu Madeira India Asia Lance
Rich Sue Nick Harry
""")
"""Given names that are other things, too: on their own they are not taken for a person."""

KNOWN: Final = listed("""
Achilles Aeschylus Akhenaten Aquinas Archimedes Aristophanes Aristotle Attila Augustine Augustus
Averroes Avicenna Barabbas Beethoven Bismarck Boccaccio Boethius Botticelli Brahms Brutus Buddha
Caesar Caligula Calvin Caravaggio Catullus Cervantes Charlemagne Chaucer Chekhov Chopin Christ
Churchill Cicero Cleopatra Columbus Confucius Copernicus Cromwell Dante Darius Darwin Demosthenes
Descartes Dickens Diderot Diogenes Donatello Dostoevsky Dostoyevsky Dürer Einstein Engels Epicurus
Erasmus Eratosthenes Euclid Euler Euripides Faraday Flaubert Freud Galen Galileo Gandhi Garibaldi
Gauss Giotto Goebbels Goethe Gogol Gorbachev Gutenberg Hadrian Hamlet Handel Hannibal Haydn Hegel
Heidegger Heine Heraclitus Hercules Herod Herodotus Hesiod Himmler Hipparchus Hippocrates Hitler
Hölderlin Homer Horace Ibsen Isocrates Jesus Josephus Judas Justinian Kafka Kant Kennedy Kepler
Keynes Khrushchev Kierkegaard Lavoisier Leibniz Lenin Linnaeus Livy Lucretius Machiavelli
Maimonides Mandela Marx Metternich Michelangelo Mohammed Molière Monet Montaigne Montesquieu
Mozart Muhammad Mussolini Napoleon Nefertiti Nehru Nero Newton Nietzsche Nostradamus Odysseus
Oedipus Ovid Pascal Pericles Petrarch Picasso Pindar Plato Plautus Pliny Plotinus Plutarch Pompey
Proust Ptolemy Puccini Pushkin Pythagoras Quintilian Rabelais Racine Raphael Rembrandt Rilke
Robespierre Rossini Rousseau Rubens Saladin Salome Sappho Sartre Schiller Schopenhauer Schubert
Schumann Seneca Shakespeare Shelley Socrates Solomon Sophocles Spartacus Spinoza Stalin Stravinsky
Strabo Suetonius Tacitus Talleyrand Tchaikovsky Terence Thucydides Titian Tolstoy Trotsky Turgenev
Tutankhamun Velázquez Verdi Vergil Vermeer Virgil Vivaldi Voltaire Wagner Wittgenstein Wordsworth
Xenophon Xerxes Zarathustra Zeno Zola
""")
"""People who are called by one name, and by that name alone."""

# --- organisations

COMPANY_FORMS: Final = listed("""
Inc Inc. Incorporated Ltd Ltd. Limited plc PLC LLC LLP LP Corp Corp. Corporation Co Co. GmbH AG KG
SE e.V. SA S.A. SAS SARL S.L. SpA S.p.A. NV N.V. BV B.V. AB AS A/S ASA Oy Oyj Pty Sdn Bhd KGaA
Sohn Söhne Sons Bros Bros. Brothers Cie
""")
"""At the end of a company's name, whatever is before it."""

ORGANISATION_NOUNS: Final = listed("""
Academy Agency Airlines Airways Alliance Archive Archives Army Association Authority Bank Bar
Board Books Brewery Broadcasting Bundesbank Bureau Capital Centre Center Chamber Church Club
College Commission Committee Company Computing Congress Conservatory Consulting Cooperative
Council Court Courts Department Directorate Electronics Energy Enterprises Exchange Faculty
Federation Financial Firm Foods Force Forces Forum Foundation Fund Funds Gallery Gazette
Government Grid Group Guild Herald Holding Holdings Hospital Industries Inquirer Institute
Institution Instruments Insurance Investments Journal Junta Labs Laboratories Laboratory League
Library Logistics Magazine Media Ministry Mission Motors Museum Navy Networks News Observatory
Office Orchestra Organisation Organization Parliament Partners Partnership Party Pharmaceuticals
Philharmonic Police Polytechnic Post Press Productions Publishers Publishing Radio Railway
Railways Records Regiment Resources Review School Securities Seminary Senate Services Shipping
Society Software Solutions Steel Studios Survey Symphony Systems Technologies Telecom Telegraph
Theater Times Tribunal Tribune Trust Union Unit University Ventures Zeitung Verlag Gesellschaft
Stiftung Verein Bahn Universität Hochschule Ministerium Institut Université Universidad Banque
Banco Ministerio Ministère Museo Musée Fundación Fondation Société Sociedad Asociación Empresa
""")
"""At the end of a name of two words or more."""

ORGANISATION_HEADS: Final = listed("""
University College School Academy Institute Bank Ministry Department Office Bureau Board Council
Commission Committee Court Church Museum Library Society Association Federation Union Order
Laboratory Hospital Parliament Congress Senate Chamber House Embassy Archdiocese Diocese Faculty
Centre Center Foundation League Fellowship Brotherhood Guild Confederation Organisation
Organization Company Universität Institut Ministerium Université Universidad Universidade Banque
Banco Ministère Ministerio Musée Museo Bibliothèque Biblioteca Académie Academia École Escuela
Conseil Consejo Tribunal Cour Hôpital Instituto Fundación Fondation Asociación Association Colegio
Collège Federación Fédération Partido Parti Sociedad Société Compañía Compagnie Cámara Chambre
""")
"""Before "of", "de" and a name: "Bank of England"."""

NOT_HEADED: Final = frozenset({"Congress", "Order", "House", "Union", "Church", "School"})
"""Of these, only with a word before, or of a country: a school of thought is none."""

ORGANISATIONS: Final = _names("""
ABC, Adidas, Aeroflot, African Union, Airbus, Al Jazeera, Alibaba, Allianz, Amnesty International,
Arsenal, Associated Press, AT&T, Audi, AWS, BASF, Bauhaus, Bayer, BBC, Bell Labs, Bloomberg, BMW,
Boeing, Bosch, British Airways, British Broadcasting Corporation, British Library, British Museum,
Bundesbank, Bundesrat, Bundestag, Bundeswehr, Carnegie Hall, CBS, CERN, Chevron, Chrysler, CIA,
Citibank, Citigroup, Citroën, CNN, Coca-Cola, Comintern, Congress, Credit , Daimler,
Deutsche Bahn, Deutsche Bank, Deutsche Telekom, Disney, Duma, eBay, ECB, EdF, Ericsson, ESA, EU,
Euratom, Eurostat, ExxonMobil, Facebook, FBI, FDA, FedEx, Ferrari, Fiat, FIFA, Fujitsu, Gazprom,
General Electric, General Motors, Gestapo, GitHub, Goldman Sachs, Google, Greenpeace,
Harvard University, Heineken, Hewlett-Packard, Hitachi, Honda, House of Commons, House of Lords,
House of Representatives, HSBC, Huawei, Hyundai, IAEA, IBM, IKEA, ILO, IMF, Intel, Interpol, IRA,
ISO, ITU, JPMorgan, KGB, Kodak, Kremlin, KLM, Knesset, Kodansha, Kraft, L'Oréal, Labour Party,
League of Nations, Lehman Brothers, LinkedIn, Lockheed, Louvre, Lufthansa, Luftwaffe, Mastercard,
McDonald's, Médecins Sans Frontières, Doctors Without Borders, Mercedes-Benz, Merck, Michelin,
Microsoft, Mitsubishi, MIT, Mossad, Motorola, Mozilla, NASA, NATO, NBC, Nestlé, Netflix, Nike,
Nikon, Nintendo, Nissan, Nokia, Novartis, NSA, OECD, OPEC, OpenAI, OSCE, Oxfam, Panasonic,
Parliament, PepsiCo, Peugeot, Pfizer, Philips, Pixar, Porsche, Procter & Gamble, Qualcomm,
Red Cross, Reichstag, Renault, Reuters, Roche, Rolls-Royce, Royal Navy, Royal Society, Ryanair,
Samsung, Sanofi, SAP, Seimas, Senate, Siemens, Sinn Féin, Sony, SpaceX, Spotify, Standard Oil,
Starbucks, State Department, Supreme Court, Suzuki, Tesla, Thomson Reuters, Toshiba, Toyota,
Treasury, Twitter, UBS, Uber, UEFA, UN, UNESCO, UNHCR, UNICEF, Unilever, United Nations,
European Union, European Commission, European Parliament, European Central Bank, Vatican,
Verizon, Vodafone, Volkswagen, Volvo, Wall Street Journal, Walmart, Wehrmacht, WHO, Wikipedia,
World Bank, World Health Organization, World Trade Organization, WTO, WWF, Xerox, Yahoo, YouTube,
Zeiss, Bolsheviks, Mensheviks, Politburo, Hanseatic League, East India Company, Comecon,
Guardian, Economist, New York Times, Washington Post, Le Monde, Der Spiegel, Die Zeit, El País,
Financial Times, Daily Telegraph, Daily Mail, Pravda, Izvestia, Times of London,
Penguin Books, Faber, Faber and Faber, Random House, Gallimard, Suhrkamp, Bundesverfassungsgericht
""")

AMBIGUOUS_ORGANISATIONS: Final = _names("""
Apple, Amazon, Shell, Target, Gap, Orange, Visa, Oracle, Meta, Alphabet, Virgin, Dell, Ford,
Penguin, Guardian, Economist, Congress, Treasury, Parliament, Senate, Faber, ISO, WHO, Kraft,
Roche, Tesla, Mars, Sprint, Boots, Next, Subway, Adobe, Caterpillar, Discovery, Fox, Independent,
Mirror, Sun, Observer, Spectator, Bauhaus, Bayer, Ajax, Chelsea, Everton, Liverpool, Arsenal
""")
"""Organisations only where the words around them say so: see `names.COMPANY_VERBS`."""

# --- what is not a name though it is written large

FUNCTION: Final = listed("""
A An The This That These Those There Here It Its He She They We You I His Her Their Our Your My
Who What When Where Why How Which Whose In On At By For From To Of Off Over Under After Before
Between Into Onto With Without Within About Above Across Against Along Among Around As Because But
And Or Nor So Yet If Then Than Though Although While Until Since Once Not No Yes All Any Both Each
Every Either Few Many More Most Much Neither None One Two Three Four Five Six Seven Eight Nine Ten
Other Others Some Several Such Same Also Again Only Even Just Still Never Always Often Soon Now
Today Tomorrow Yesterday Dear Yours Sincerely Ever Please Thank Thanks Let Can Could Should Would
Shall Must Might Did Do Does Is Are Was Were Be Been Being Has Have Had Having Old Young Last Next
Nobody Everyone Everybody Somebody Nothing Something According During Despite Instead However
Moreover Meanwhile Perhaps Maybe Indeed See Section Article Chapter Page Figure Table Part Volume
Clause Act Appendix Schedule Paragraph Note Vol Fig Ch Art Version Least Call Like Unlike Near
Through Upon Via Per Der Die Das Ein Eine Einen Dem Den Im Am Zum Zur Vom Beim Und Oder Aber Wenn
Als Wie Wo Wer Was Es Er Sie Wir Ihr Ich Bitte Zwischen Gestern Heute Morgen Nach Vor Mit Ohne Bei
Seit Von Aus Auf Le La Les Un Une Des Du Au Aux En Et Ou Mais Si Il Elle Ils Elles Nous Vous Je Ce
Cette Ces Dans Sur Pour Par Avec Sans Sous Depuis Selon Après Avant L' D' Qu' N' S' J' C' El Los
Las Unos Unas Al Del Pero Con Sin Por Para Desde Hasta Según Hay Sí Este Esta Ese Entre
""")
"""Written large at the beginning of a sentence or a title: no name begins with them."""

CALENDAR: Final = listed("""
Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June
July August September October November December Spring Summer Autumn Winter Christmas Easter
Thanksgiving Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag Januar Februar März Juni
Juli Oktober Dezember
""")

ADJECTIVES: Final = listed("""
English French German Spanish Italian Latin Greek Russian Chinese Japanese Arabic Hebrew Dutch
Portuguese Polish Turkish Danish Swedish Norwegian Finnish Hungarian Czech Irish Scottish Welsh
British American European African Asian Indian Australian Canadian Mexican Brazilian Austrian
Swiss Belgian Roman Persian Egyptian Syrian Ottoman Byzantine Christian Jewish Muslim Islamic
Catholic Protestant Buddhist Hindu Orthodox Bible Koran God Internet Web Earth Sun Moon Germans
Italians Austrians Russians Greeks Romans Christians Jews Muslims Turks Americans Europeans
Americans Syriac Aramaic Sanskrit Coptic Slavonic Heaven Paradise Unicode JavaScript TypeScript
PostScript Codex Gothic Celtic Korean Vietnamese Thai Ukrainian Georgian Armenian Albanian
""")
"""Of a people, a language, a faith and the like; no name alone, but the beginning of many."""

# --- places

PLACE_SUFFIXES: Final = listed("""
River Sea Ocean Lake Bay Gulf Island Islands Isle Mountain Mountains Valley Desert Canyon Peninsula
Street Road Avenue Lane Square Bridge Park Airport Station Castle Palace Cathedral Abbey Tower Hall
Theatre Theater Gorge Hill Hills Falls Forest Harbour Harbor Coast County Province Beach Gate Court
Creek Glacier Plateau Strait Canal House Cemetery Stadium Boulevard Terrace Place Row
""")
"""At the end of a place's name: "Heathrow Airport". Court, House, Hall, Place: of none alone."""

PLACE_HEADS: Final = listed(
    "Lake Mount Mt Cape Port Fort Camp Loch Isle Point Ben Monte Mont Río Rio"
)
"""At the beginning of one: "Lake Baikal"."""

PLACE_OF: Final = listed("""
Gulf Isle Bay Cape Strait Sea Port Kingdom Duchy County Province City Valley Coast Plain Plains
""")
"""Before "of" and a name: "Gulf of Finland"."""

PLACE_WORDS: Final = listed("""
town city village port mayor bishop archbishop province region district county suburb island
capital harbour coast monastery place land country river mountain
""")
"""Small words before "of" and a place: "the mayor of Lyon"."""

# --- events

EVENT_HEADS: Final = listed("Battle Siege Massacre Congress Sack Fall Storming Relief Fire Peace")
"""Before "of" and a place: "Battle of Hastings"; "Fall of" and its like only with "the" before."""

EVENT_SUFFIXES: Final = listed("""
War Wars Revolution Rebellion Uprising Revolt Mutiny Crisis Olympics Games Marathon Festival
Conference Summit Contest Championship Championships Cup Exhibition Fair Expo Armistice Famine
Crusade Coup Plague Purge Referendum Riots Regatta Derby Prix March Congress
""")
"""At the end of an event's name of two words or more."""
