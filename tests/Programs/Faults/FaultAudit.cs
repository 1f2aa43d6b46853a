using Npgsql;
using OrleansGateway.Ledger.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>Goes through the books once a load has ended and everything is stopped. Whatever is off fails the test.</summary>
internal static class FaultAudit
{
    /// <param name="name">What the scenario did.</param>
    /// <param name="mayEnd">How requests may have ended, beside those that were complete, refused or left.</param>
    /// <param name="unansweredMax">How many may have got no answer at all: those that were on their way when something was ended.</param>
    /// <param name="isAnyLost">Whether edges were killed: what ran on them may be charged for less than its client saw, or not at all.</param>
    /// <param name="providerFails">Whether the provider failed as well, which clients are told by a 502.</param>
    public static async Task CheckAsync(
        string name,
        NpgsqlDataSource ledger,
        IReadOnlyCollection<Sent> sent,
        IReadOnlyCollection<Order> orders,
        Fate[] mayEnd,
        int unansweredMax,
        bool isAnyLost,
        bool providerFails)
    {
        var books = await Books.AuditAsync(ledger, sent, orders, isAnyLost);
        var line = $"{name}: {books}";
        TestContext.Current.TestOutputHelper?.WriteLine(line);
        Console.WriteLine(line);
        Assert.True(books.Problems.Count == 0, string.Join('\n', books.Problems.Take(20).Prepend(line)));
        var wrong = sent.Where(request => !MayEndSo(request, mayEnd, providerFails)).GroupBy(request => (request.Fate, request.Status, request.ErrorCode))
            .SelectMany(kind => kind.Take(5).Select(request => $"{kind.Count()} such: {request}: {request.ErrorMessage}")).ToList();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Prepend(line)));

        var unanswered = sent.Count(static request => request is { HasLeft: false, Fate: Fate.Unanswered });
        Assert.True(unanswered <= unansweredMax, $"{unanswered} requests are unanswered, at most {unansweredMax} were on their way: {line}");

        // Who ends what runs does not leave a request unanswered that it has begun to work on.
        Assert.True(mayEnd.Contains(Fate.Cut) || books.ChargedUnknown == 0, line);
        await UsageTotals.AddAsync(ledger, [], TestContext.Current.CancellationToken);
        Assert.Empty((await Verifier.RunAsync(ledger, DateTimeOffset.UtcNow, TestContext.Current.CancellationToken)).Problems);
        await AssertAuditorSeesAsync(ledger, sent, orders, isAnyLost);
    }

    private static bool MayEndSo(Sent sent, Fate[] mayEnd, bool providerFails) =>
        sent.Fate == Fate.Refused ? sent.Status is 402 or 503 || (providerFails && sent.Status == 502)
        : !Books.IsCutOff(sent) || mayEnd.Contains(sent.Fate);

    /// <summary>
    /// An auditor that finds nothing must be able to: a charge that is off by a nano, one that is missing, one nobody asked for, one that is
    /// for less than its client saw, a refusal of one who can pay.
    /// </summary>
    private static async Task AssertAuditorSeesAsync(
        NpgsqlDataSource ledger, IReadOnlyCollection<Sent> sent, IReadOnlyCollection<Order> orders, bool isAnyLost)
    {
        var real = sent.First(request => request.Fate == Fate.Completed && request.Cost > 0);
        Sent[][] forgeries =
        [
            [.. sent, real with { Input = real.Input + 1 }],
            [.. sent, real with { RequestId = "never-charged" }],
            [.. sent, real with { Fate = Fate.Refused }],
            [.. sent.Where(request => request.Fate != Fate.Unanswered && request != real)],
            .. isAnyLost ? [] : sent.Where(static request => request is { HasLeft: true, Seen.Length: > 0 }).Take(1).Select(
                Sent[] (left) => [.. sent, left with { Plan = left.Plan with { Tokens = 1 }, Seen = string.Concat(Enumerable.Repeat("word ", 200)) }]),
            .. sent.Where(static request => request is { Customer.IsRich: true, RequestId: not null }).Take(1).Select(
                Sent[] (rich) => [.. sent, rich with { Fate = Fate.Refused, Status = 402, RequestId = "refused" }]),
        ];
        foreach (var forgery in forgeries)
        {
            Assert.NotEmpty((await Books.AuditAsync(ledger, forgery, orders, isAnyLost)).Problems);
        }
    }
}
