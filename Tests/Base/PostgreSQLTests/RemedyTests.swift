import PostgreSQL
import Testing

@Suite("What to do about an error")
struct RemedyTests {
    @Test("A full disk is unavailability, which says when to come back")
    func remedies() {
        func remedy(_ state: String) -> Remedy { Remedy(PostgreSQLError(sqlState: state, message: "")) }
        #expect(remedy("53100") == .later(seconds: 30))
        #expect(remedy("53300") == .later(seconds: 30))
        #expect(remedy("57014") == .later(seconds: 5))
        for state in ["40001", "40P01", "55P03"] { #expect(remedy(state) == .again) }
        for state in ["25006", "57P01", "57P02", "57P03", "25P03", "08006"] { #expect(remedy(state) == .elsewhere) }
        for state in ["23505", "42P01", "22P02"] { #expect(remedy(state) == .none) }
    }
}
