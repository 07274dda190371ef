import Broker
import Bytes
import Concurrency
import Crypto
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import InMemoryTracing
import SimulatedHardware
import Storage
import TestSupport
import Testing
import Tracing

@testable import Endorsements

@Suite("AMD's Key Distribution Service")
struct KeyDistributionTests {
    /// - Parameter requestTimeout: the only time that is real.
    private func withService(
        requestTimeout: Duration = .seconds(600), _ time: ManualTime = ManualTime(),
        answering answer: @escaping StandInService.Answer,
        _ body: (StandInService, VendorService) async throws -> Void
    ) async throws {
        try await StandInService.run(answering: answer) { standIn, base in
            var configuration = VendorService.Configuration()
            configuration.baseURL = base
            (configuration.requestTimeout, configuration.deadline) = (.seconds(600), .seconds(900))
            configuration.requestTimeout = requestTimeout
            try await body(
                standIn, VendorService(client: HTTP1Client(), configuration: configuration, time: time.time))
        }
    }

    private func identity() throws -> EndorsementIdentity {
        EndorsementIdentity(of: try EndorsementKey(Simulated.vcek.certificate))
    }

    @Test("A VCEK is asked for as AMD's document says, and Turin's with its FMC first")
    func paths() async throws {
        let der = try Simulated.vcek.certificate.der
        try await withService(answering: { _, _ in StandInService.bytes(der) }) { standIn, service in
            // It answers with another chip's certificate, which is refused.
            _ = try? await service.key(
                EndorsementIdentity(
                    kind: .vcek, product: .milan, hardwareID: Array(repeating: 0xAB, count: 64),
                    tcb: TCBVersion(bootLoader: 3, tee: 0, snp: 8, microcode: 115)))
            _ = try? await service.key(
                EndorsementIdentity(
                    kind: .vcek, product: .turin, hardwareID: [1, 2, 3, 4, 5, 6, 7, 0xFF],
                    tcb: TCBVersion(fmc: 1, bootLoader: 1, tee: 1, snp: 4, microcode: 77)))
            _ = try await service.authorities(.genoa, .vcek)
            _ = try await service.authorities(.genoa, .vlek)
            #expect(
                standIn.asked == [
                    "/vcek/v1/Milan/\(String(repeating: "ab", count: 64))?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115",
                    "/vcek/v1/Turin/01020304050607ff?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=77",
                    "/vcek/v1/Genoa/cert_chain", "/vlek/v1/Genoa/cert_chain",
                ])
        }
    }

    @Test("However many guests wait for a certificate, it is asked for once")
    func oneRequest() async throws {
        let (der, identity) = (try Simulated.vcek.certificate.der, try identity())
        // Answers when all have asked.
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let answer: StandInService.Answer = { _, _ in
            for await _ in gate {}
            return StandInService.bytes(der)
        }
        try await withService(answering: answer) { standIn, service in
            try await withThrowingTaskGroup { group in
                for _ in 0..<32 { group.addTask { _ = try await service.key(identity) } }
                while await service.waiting < 32 { try await Task.sleep(for: .milliseconds(1)) }
                open.finish()
                try await group.waitForAll()
            }
            #expect(standIn.asked.count == 1)
        }
    }

    @Test("Made-up chips cannot make the server flood the service, nor keep many guests waiting")
    func flood() async throws {
        // Answers only when all that may not wait have been told so.
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let answer: StandInService.Answer = { _, _ in
            for await _ in gate {}
            return StandInService.status(404)
        }
        try await withService(answering: answer) { standIn, service in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for chip in 0..<100 as Range<UInt8> {
                    group.addTask {
                        await #expect(throws: EndorsementUnavailable.self) { try await service.key(madeUp(chip)) }
                    }
                }
                for _ in 0..<36 { _ = try await group.next() }
                #expect(await service.waiting == 64)
                while standIn.asked.count < 2 { try await Task.sleep(for: .milliseconds(1)) }
                #expect(standIn.asked.count == 2)
                open.finish()
                try await group.waitForAll()
            }
        }
    }

    private func madeUp(_ number: UInt8) -> EndorsementIdentity {
        EndorsementIdentity(
            kind: .vcek, product: .milan, hardwareID: Array(repeating: number, count: 64), tcb: Simulated.tcb)
    }

    @Test("A caller that makes chips up uses up its own allowance, which comes back, and nobody else's")
    func oneCaller() async throws {
        let time = ManualTime()
        func ask(_ number: UInt8, for caller: String, of service: VendorService) async {
            await Caller.$current.withValue(Caller(network: caller)) {
                _ = await #expect(throws: EndorsementUnavailable.self) { try await service.key(madeUp(number)) }
            }
        }
        try await withService(time, answering: { _, _ in StandInService.status(404) }) { standIn, service in
            for number in 0..<70 as Range<UInt8> { await ask(number, for: "192.0.2.1", of: service) }
            #expect(standIn.asked.count == 60)
            time.advance(by: .seconds(1))
            await ask(100, for: "192.0.2.1", of: service)
            #expect(standIn.asked.count == 61)
            await ask(101, for: "192.0.2.2", of: service)
            #expect(standIn.asked.count == 62)
        }
    }

    @Test("Retry-After is waited for, in seconds and as a date")
    func retryAfter() async throws {
        let (der, identity) = (try Simulated.vcek.certificate.der, try identity())
        for form in ["7", "date"] {
            let answer: StandInService.Answer = { _, count in
                guard count == 1 else { return StandInService.bytes(der) }
                let date = HTTPDate.text(Int64(Date().timeIntervalSince1970) + 600)
                return StandInService.status(429, retryAfter: form == "date" ? date : form)
            }
            let time = ManualTime()
            try await withService(time, answering: answer) { standIn, service in
                _ = try await service.key(identity)
                #expect(standIn.asked.count == 2)
                // A date, which has whole seconds, may have come nearer until it was read; the clock that reads it may be a tick behind.
                let waited = try #require(time.slept.first)
                #expect(form == "date" ? waited > .seconds(300) && waited <= .seconds(601) : waited == .seconds(7))
            }
        }
    }

    @Test("A Retry-After beyond the deadline is passed on, and nobody asks again before it")
    func longRetryAfter() async throws {
        let identity = try identity()
        let time = ManualTime(passesBySleeping: false)
        try await withService(time, answering: { _, _ in StandInService.status(429, retryAfter: "3600") }) {
            standIn, service in
            for _ in 0..<3 {
                let error = await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
                #expect(error?.retryAfter == 3_600)
            }
            #expect(standIn.asked.count == 1)
        }
    }

    @Test("A failing server is tried again, once a minute in the end, until nobody has waited for long")
    func serverError() async throws {
        let identity = try identity()
        let time = ManualTime()
        try await withService(time, answering: { _, _ in StandInService.status(502) }) { standIn, service in
            let error = await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
            #expect(error?.reason.hasSuffix("answered 502") == true)
            let slept = time.slept
            #expect(slept.prefix(8) == ([1, 2, 4, 8, 16, 32, 60, 60] as [Int]).map { .seconds($0) }[...])
            #expect(slept.dropFirst(6).allSatisfy { $0 == .seconds(60) })
            // The guest's 900 seconds, at the end of which nobody else waits for it.
            let asked = standIn.asked.count
            #expect((20...21).contains(asked))
        }
    }

    @Test("A failing server is left alone by all, and each guest is told when to come again")
    func leftAlone() async throws {
        let time = ManualTime(passesBySleeping: false)
        let der = try Simulated.vcek.certificate.der
        let answer: StandInService.Answer = { _, count in
            count == 1 ? StandInService.status(503, retryAfter: "1000") : StandInService.bytes(der)
        }
        let identity = try identity()
        try await withService(time, answering: answer) { standIn, service in
            for number in 0..<5 as Range<UInt8> {
                let asking = Task { try await service.key(madeUp(number)) }
                let error = await #expect(throws: EndorsementUnavailable.self) { try await asking.value }
                #expect(error?.retryAfter == 1_000)
            }
            #expect(standIn.asked.count == 1)
            time.advance(by: .seconds(1_000))
            let found = try await service.key(identity)
            #expect(found.der == der)
        }
    }

    @Test("A certificate that is not known is not asked for again at once")
    func notFound() async throws {
        let identity = try identity()
        try await withService(answering: { _, _ in StandInService.status(404) }) { standIn, service in
            for _ in 0..<3 {
                let error = await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
                #expect(error?.reason.contains("does not know it") == true)
            }
            #expect(standIn.asked.count == 1)
        }
    }

    @Test("An answer that is no certificate, or too long, is refused")
    func garbage() async throws {
        let identity = try identity()
        for body in [[], Array("<html>".utf8), Array(repeating: 0x30, count: 300_000)] as [[UInt8]] {
            try await withService(answering: { _, _ in StandInService.bytes(body) }) { _, service in
                await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
            }
        }
    }

    @Test("An answer that does not come is given up, and asked for again")
    func silent() async throws {
        let (der, identity) = (try Simulated.vcek.certificate.der, try identity())
        let answer: StandInService.Answer = { _, count in
            guard count == 1 else { return StandInService.bytes(der) }
            return await StandInService.silence()
        }
        try await withService(requestTimeout: .seconds(1), answering: answer) { standIn, service in
            _ = try await service.key(identity)
            #expect(standIn.asked.count > 1)
        }
    }

    @Test("A redirect is not followed")
    func redirect() async throws {
        let identity = try identity()
        let answer: StandInService.Answer = { _, _ in StandInService.status(301, location: "/elsewhere") }
        try await withService(answering: answer) { standIn, service in
            await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
            #expect(standIn.asked.count == 1)
        }
    }

    @Test("A server that is not there is reported, and a VLEK is never asked for")
    func unreachable() async throws {
        var configuration = VendorService.Configuration()
        configuration.baseURL = "http://127.0.0.1:1"
        (configuration.requestTimeout, configuration.deadline) = (.seconds(600), .seconds(600))
        let service = VendorService(
            client: HTTP1Client(), configuration: configuration, time: ManualTime().time)
        let vcek = try identity()
        let vlek = EndorsementIdentity(kind: .vlek, product: .milan, hardwareID: nil, tcb: Simulated.tcb)
        for identity in [vcek, vlek] {
            await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
        }
    }

    /// What a guest is told, in which there is room for 87 bytes of a source's own.
    private func sentence(_ error: EndorsementUnavailable?) -> String {
        "The certificate that would prove the evidence is not here (\(error?.reason ?? "")). Try again later, or ask the "
            + "operator to import it."
    }

    @Test("What is no certificate, or another's, is not asked for again at once, and the guest is told so in few words")
    func rubbish() async throws {
        let identity = try identity()
        let other = try Simulated.snp.vcek(tcb: TCBVersion(bootLoader: 9, tee: 0, snp: 9, microcode: 9)).certificate
        let otherName = "\(EndorsementIdentity(of: try EndorsementKey(other)))"
        let bodies: [[UInt8]] = [
            [], Array("<html>".utf8), Array(repeating: 0x30, count: 300_000), [0x30, 0x03, 0x02, 0x01, 0x00], other.der,
            try Simulated.snp.ask.der,
        ]
        for body in bodies {
            try await withService(answering: { _, _ in StandInService.bytes(body) }) { standIn, service in
                for _ in 0..<3 {
                    let error = await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
                    #expect(sentence(error).utf8.count <= 199, "\(sentence(error))")
                    #expect(error?.retryAfter == 60)
                    // The operator is told which one came.
                    #expect((error?.detail == otherName) == (body == other.der))
                }
                #expect(standIn.asked.count == 1)
            }
        }
    }

    @Test("A certificate that leads to no pinned root is not asked for again at once, whoever finds that out")
    func distrusted() async throws {
        let (identity, der, time) = (try identity(), try Simulated.vcek.certificate.der, ManualTime())
        func refusesAuthorities(_ service: VendorService) async {
            await #expect(throws: EndorsementUnavailable.self) { try await service.authorities(.milan, .vcek) }
        }
        try await withService(time, answering: { _, _ in StandInService.bytes(der) }) { standIn, service in
            _ = try await service.key(identity)
            _ = service.distrust(AMDDocument.key(identity).name, .unpinned)
            let error = await #expect(throws: EndorsementUnavailable.self) { try await service.key(identity) }
            #expect(sentence(error).utf8.count <= 199 && error?.retryAfter == 60)
            _ = try await service.authorities(.milan, .vcek)
            _ = service.distrust(AMDDocument.authority(.milan, .vcek).name, .unpinned)
            await refusesAuthorities(service)
            #expect(standIn.asked.count == 2)
            time.advance(by: .seconds(60))
            _ = try await service.key(identity)
            _ = try await service.authorities(.milan, .vcek)
            #expect(standIn.asked.count == 4)
        }
    }

    @Test("A vendor that cannot be reached is told of shortly to the guest, and as it is to the operator")
    func details() async throws {
        var configuration = VendorService.Configuration()
        configuration.baseURL = "http://127.0.0.1:1"
        let service = VendorService(
            client: HTTP1Client(), configuration: configuration, time: ManualTime().time)
        let vcek = try identity()
        let error = await #expect(throws: EndorsementUnavailable.self) { try await service.key(vcek) }
        #expect(error?.reason == "http://127.0.0.1:1 cannot be reached")
        #expect(error?.description.contains("Nothing listens on 127.0.0.1:1") == true)
        let vlek = EndorsementIdentity(kind: .vlek, product: .milan, hardwareID: nil, tcb: Simulated.tcb)
        let never = await #expect(throws: EndorsementUnavailable.self) { try await service.key(vlek) }
        for error in [error, never] { #expect(sentence(error).utf8.count <= 199) }
    }

    @Test("A vendor whose certificate is not trusted is not asked again and again while a guest waits")
    func untrusted() async throws {
        let time = ManualTime()
        var configuration = VendorService.Configuration()
        configuration.deadline = .seconds(900)
        try await StandInService.run(answering: { _, _ in StandInService.status(404) }) { _, base in
            // It does not speak TLS.
            configuration.baseURL = base.replacing("http://", with: "https://")
            let service = VendorService(client: HTTP1Client(), configuration: configuration, time: time.time)
            let vcek = try identity()
            await #expect(throws: EndorsementUnavailable.self) { try await service.key(vcek) }
            #expect(time.slept.isEmpty)
        }
    }

    @Test("A trace goes on to the vendor, and nothing of it does where nobody traces")
    func trace() async throws {
        let (der, identity) = (try Simulated.vcek.certificate.der, try identity())
        let field = try #require(HTTPField.Name(SpanContext.headerName))
        try await withService(answering: { _, _ in StandInService.bytes(der) }) { standIn, service in
            let tracer = InMemoryTracer()
            try await withTracer(tracer) {
                try await traced("fetch", ofKind: .client) { _ in _ = try await service.key(identity) }
            }
            let span = try #require(tracer.finishedSpans.first)
            let sent = standIn.exchanges.first?.headers[field].flatMap { SpanContext(traceparent: $0) }
            #expect(sent == span.span.context)
            _ = try await service.key(identity)
            #expect(standIn.exchanges.last?.headers.contains(field) == false)
        }
    }
}

extension VendorService {
    fileprivate func key(_ identity: EndorsementIdentity) async throws -> Certificate {
        try #require(try await document(AMDDocument.key(identity).name).certificates.first)
    }

    fileprivate func authorities(_ product: Product, _ kind: EndorsementKey.Kind) async throws -> [Certificate] {
        try await document(AMDDocument.authority(product, kind).name).certificates
    }
}

@Suite("Folders of documents")
struct EndorsementFolderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func put(_ bytes: [UInt8], _ path: String) throws {
        let file = folder.file(path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    @Test(
        "A chip's key is found under either name of the layout, and in either case",
        arguments: ["vcek.der", "bl04_tee00_snp22_ucode213_vcek.der", "anything.pem"])
    func layout(name: String) throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let chip = Hex.encode(snp.chipID)
        let contents = name.hasSuffix("pem") ? Array(vcek.pem.utf8) : vcek.der
        try put(contents, "vcek/\(name == "vcek.der" ? chip : chip.uppercased())/\(name)")
        try put(snp.ark.der, "ark.der")
        try put(Array(snp.ask.pem.utf8), "milan/ask.pem")
        try put([1, 2, 3], "milan/broken.der")
        try put(Array("hello".utf8), "README.md")
        let library = EndorsementFolder(folder.url)
        func found(_ document: AMDDocument) -> Set<Certificate> {
            Set(library.documents(named: document.name).flatMap(\.certificates))
        }
        let identity = EndorsementIdentity(of: try EndorsementKey(vcek))
        let other = EndorsementIdentity(
            kind: .vcek, product: .milan, hardwareID: Array(repeating: 0, count: 64), tcb: Simulated.tcb)
        #expect(found(.key(identity)) == [vcek] && found(.key(other)).isEmpty)
        #expect(found(.authority(.milan, .vcek)) == [snp.ark, snp.ask])
    }

    @Test("An import takes what leads to a pinned root, and says why it refuses the rest")
    func importing() async throws {
        let snp = try Simulated.snp
        let stranger = try SimulatedSNPPlatform(product: .genoa)
        try put(Array((snp.ask.pem + snp.ark.pem).utf8), "chain.pem")
        try put(Simulated.vcek.certificate.der, "a/vcek.der")
        try put(try stranger.vcek(tcb: Simulated.tcb).certificate.der, "b/vcek.der")
        try put([0xFF], "c.der")
        let store = try store()
        let keeper = try keeper(store, Simulated.anchors)
        let (outcome, now) = (EndorsementFolder(folder.url).contents, Date())
        let identity = EndorsementIdentity(of: try EndorsementKey(Simulated.vcek.certificate))
        let names = [AMDDocument.key(identity), .authority(.milan, .vcek)].map(\.name)
        let (kept, refused) = try await keeper.take(outcome.documents, at: now)
        #expect(Set(kept) == Set(names) && kept.count == 2)
        #expect(refused.map(\.1) == [.incomplete] && outcome.unreadable.count == 1)
        // What was imported is enough: neither a folder nor a network is needed.
        let library = EndorsementLibrary(cache: store)
        let found = try await library.documents(named: names)
        #expect(found.map(\.name) == names)
        #expect(Set(found.flatMap(\.certificates)) == [try Simulated.vcek.certificate, snp.ask, snp.ark])
        let foreign = try await self.keeper(store, .vendors).take(outcome.documents, at: now)
        #expect(foreign.kept.isEmpty && foreign.refused.count == 3)
    }

    @Test("AMD's own chains import under AMD's pins", .enabled(if: Vectors.arePresent))
    func vendors() async throws {
        let store = try store()
        let trust = EndorsementFolder(Vectors.folder.appending(path: "trust/amd"))
        let (kept, _) = try await keeper(store, .vendors).take(trust.contents.documents, at: Date())
        let all = Product.allCases.flatMap { [AMDDocument.authority($0, .vcek), .authority($0, .vlek)] }
        #expect(Set(kept) == Set(all.map(\.name)))
    }

    private func store() throws -> SQLiteStore {
        try SQLiteStore(
            file: folder.file("kbs.sqlite"), manifest: Manifest(KeyRing(master: SymmetricKey(size: .bits256))))
    }

    private func keeper(_ store: SQLiteStore, _ anchors: Anchors) throws -> EndorsementKeeper {
        EndorsementKeeper(source: EndorsementLibrary(cache: store), store: store, anchors: anchors)
    }

    @Test("What is not there is nothing")
    func missing() {
        let library = EndorsementFolder(folder.file("nowhere"))
        #expect(library.documents(named: AMDDocument.authority(.milan, .vcek).name).isEmpty)
        #expect(library.documents(named: EndorsementName("vlek/Milan/any/03.00.20.209")).isEmpty)
        #expect(library.contents.documents.isEmpty && library.contents.unreadable.isEmpty)
    }

    @Test("A document of another technology goes through a folder and the cache, with its issuers and its end")
    func otherDocuments() async throws {
        let store = try store()
        let end = Date(timeIntervalSince1970: 1_900_000_000)
        let crl = EndorsementDocument(
            name: EndorsementName("crl/../../platform"), kind: .revocations, bytes: [1, 2, 3],
            issuers: [try Simulated.snp.ark.der], goodUntil: end)
        let statement = EndorsementDocument(
            name: EndorsementName("qe-identity/tdx"), kind: .statement, bytes: Array("{}".utf8))
        try await store.keep([crl, statement])
        let out = EndorsementFolder(folder.file("out"))
        for document in [crl, statement] {
            #expect(try await store.endorsements(named: [document.name]) == [document])
            try out.write(document)
            #expect(out.documents(named: document.name) == [document])
        }
        #expect(Set(out.contents.documents) == [crl, statement], "nothing of a name becomes a path")
        #expect(try crl.goodUntil == end && crl.certificates == [Simulated.snp.ark])
        // No technology here knows them, so that an import believes nothing of them.
        let (kept, refused) = try await keeper(store, Simulated.anchors).take(out.contents.documents, at: Date())
        #expect(kept.isEmpty && refused.map(\.1) == [.misnamed, .misnamed])
        try put(Array(#"{"name":"crl/x","kind":"rumour","document":"AQ==","issuers":[]}"#.utf8), "out/bad.json")
        try put(Array(#"{"name":"crl/x","kind":"statement","document":"A","issuers":[]}"#.utf8), "out/worse.json")
        #expect(out.contents.unreadable.count == 2)
    }
}
