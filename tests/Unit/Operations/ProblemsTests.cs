using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operations;

public sealed class ProblemsTests
{
    [Theory]
    [InlineData("")]
    [InlineData("with blank")]
    [InlineData("tab\t")]
    [InlineData("ümlaut")]
    public void CheckRequestId_OfNone_NamesTheField(string requestId) =>
        Assert.Equal(["request_id"], Fields(problems => problems.CheckRequestId(requestId)));

    [Fact]
    public void CheckRequestId_OfTheLongest_IsRight()
    {
        Assert.Empty(Fields(problems => problems.CheckRequestId(new string('~', 128))));
        Assert.Equal(["request_id"], Fields(problems => problems.CheckRequestId(new string('~', 129))));
    }

    [Fact]
    public void CheckKey_WithEverythingWrong_NamesEachField()
    {
        var key = new KeyFields
        {
            Name = "\0",
            Models = ["right", ""],
            Addresses = ["203.0.113.0/24", "here"],
            Caps = new SpendCaps(0, -1, null, 1),
            Limits = new RateLimits(0, 1, 1_000_000_001),
        };
        Assert.Equal(
            [
                "settings.name", "settings.models[1]", "settings.addresses[1]", "settings.limits.requests_per_minute", "settings.limits.concurrency",
                "settings.caps.total_nanos", "settings.caps.day_nanos",
            ],
            Fields(problems => problems.CheckKey("settings", key)));
    }

    private static IEnumerable<string> Fields(Action<Problems> check)
    {
        var problems = new Problems();
        check(problems);
        return problems.ToFailure()?.Fields.Select(problem => problem.Field) ?? [];
    }
}
