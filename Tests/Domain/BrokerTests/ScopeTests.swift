import Testing

@testable import Broker

@Suite("Roles with a scope")
struct ScopeTests {
    private func made(_ roles: String..., for permission: Role.Permission = .readResources) throws -> Reach? {
        Reach(of: try roles.map { try #require(Authority(exactly: $0)) }, for: permission)
    }

    @Test(
        "What is written otherwise is no role",
        arguments: [
            "", "root", "registrar:", "registrar:team-a", "registrar:/", "registrar:/team-a/", "registrar:team-a//",
            "registrar:team.a/", "registrar:../", "registrar:-a/", "registrar:team-a/ ", "registrar:team%2Da/",
            "registrar:te\u{430}m/", "\u{212A}registrar", "Registrar:team-a/", "registrar :team-a/",
            "registrar:\(String(repeating: "a", count: 48))/", "registrar:team-a/:admin",
        ])
    func unreadable(_ text: String) { #expect(Authority(exactly: text) == nil) }

    @Test("A role is read as it is written")
    func readable() throws {
        for text in ["admin", "registrar:team-a/", "auditor:A_1/b-2/", "admin:\(String(repeating: "a", count: 47))/"] {
            #expect(Authority(exactly: text)?.description == text)
        }
    }

    @Test("A name is in a scope by its bytes, and by a whole segment")
    func names() throws {
        let reach = try #require(try made("registrar:team-a/"))
        for name in ["team-a/web", "team-a/db/password"] { #expect(reach.contains(name, .path), "\(name)") }
        for name in [
            "team-a", "team-a/", "team-ab/x", "Team-a/x", "/team-a/x", "x/team-a/y", "team-a.x", "", "team\u{2010}a/x",
            "team-a\u{2215}x", "../team-a/x",
        ] { #expect(!reach.contains(name, .path), "\(name)") }
        for name in ["team-a.web", "team-a.web.2026-1"] { #expect(reach.contains(name, .policy), "\(name)") }
        for name in ["team-a", "team-a.", "team-ab.web", "Team-a.web", "xteam-a.web", "team-a/web", "team-a-web"] {
            #expect(!reach.contains(name, .policy), "\(name)")
            #expect(throws: Refusal.self) { try reach.check(name, .policy) }
        }
        let deep = try #require(try made("registrar:team-a/db/"))
        #expect(deep.contains("team-a/db/x", .path) && !deep.contains("team-a/x/db", .path))
        #expect(deep.contains("team-a.db.x", .policy) && !deep.contains("team-a.dbx", .policy))
    }

    @Test("Roles count together, each for what it allows where it holds")
    func together() throws {
        #expect(try made("registrar:team-a/", "auditor") == .everything)
        let changes = try #require(try made("registrar:team-a/", "auditor", for: .changeResources))
        #expect(changes.contains("team-a/x/y", .path) && !changes.contains("team-b/x/y", .path))
        let both = try #require(try made("registrar:team-a/", "registrar:team-b/", for: .changeResources))
        #expect(both.contains("team-b/x/y", .path) && !both.contains("team-c/x/y", .path))
        #expect(try made("auditor:team-a/", for: .changeResources) == nil)
    }

    @Test("A registrar sets reference values in a scope of its own, and nowhere else; policies an admin sets")
    func references() throws {
        #expect(try made("registrar", for: .changeReferences) == nil)
        #expect(try made("auditor:team-a/", for: .changeReferences) == nil)
        #expect(try made("registrar:team-a/", for: .changeReferences) != nil)
        #expect(try made("registrar:team-a/", "registrar", for: .changeReferences)?.contains("b.x", .policy) == false)
        #expect(try made("registrar:team-a/", for: .changePolicies) == nil)
        #expect(try made("admin:team-a/", for: .changePolicies) != nil)
    }

    @Test("A page holds what is in the scopes, in order, each once, and goes on behind any name")
    func pages() async throws {
        let all = ["a/1", "team-a/1", "team-a/b/1", "team-a/b/2", "team-a/c", "team-ab/1", "team-b/1", "z/1"]
        let reach = try #require(try made("auditor:team-b/", "auditor:team-a/", "auditor:team-a/b/"))
        let wanted = ["team-a/1", "team-a/b/1", "team-a/b/2", "team-a/c", "team-b/1"]
        for limit in 1...6 {
            var (found, last) = ([String](), "")
            while true {
                let page = try await reach.page(after: last, limit: limit, of: .path, named: { $0 }) { name, limit in
                    Array(all.filter { $0 > name }.prefix(limit))
                }
                #expect(page.count <= limit)
                found += page
                guard let end = page.last else { break }
                last = end
            }
            #expect(found == wanted, "\(limit)")
        }
        for after in ["team-b/1", "zz"] {
            let page = try await reach.page(after: after, limit: 9, of: .path, named: { $0 }) { name, _ in
                all.filter { $0 > name }
            }
            #expect(page.isEmpty)
        }
    }
}
