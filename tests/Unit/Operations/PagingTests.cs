using OrleansGateway.Operations;
using Xunit;

namespace OrleansGateway.Tests.Unit.Operations;

public sealed class PagingTests
{
    private static readonly Paging List = new("list", new { Of = "one" });

    [Fact]
    public async Task Read_PageByPage_GivesEachRowOnce()
    {
        var token = "";
        var rows = new List<long>();
        do
        {
            var page = (await ReadAsync(List, new PageRequest(3, token))).Value!;
            Assert.True(page.Rows.Count <= 3);
            rows.AddRange(page.Rows);
            token = page.NextToken;
        }
        while (token.Length > 0);

        Assert.Equal(Enumerable.Range(1, 10).Select(number => (long)number), rows);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1001)]
    public async Task Read_OfASizeThatIsNone_NamesTheField(int size) => Assert.Equal("page_size", await WrongFieldAsync(List, new PageRequest(size)));

    [Theory]
    [InlineData("x")]
    [InlineData("not a token!")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task Read_WithATokenThatIsNone_NamesTheField(string token) =>
        Assert.Equal("page_token", await WrongFieldAsync(List, new PageRequest(3, token)));

    [Fact]
    public async Task Read_WithATokenOfAnotherListOrFilter_NamesTheField()
    {
        var token = (await ReadAsync(List, new PageRequest(3))).Value!.NextToken;
        Assert.Equal("page_token", await WrongFieldAsync(new Paging("other", new { Of = "one" }), new PageRequest(3, token)));
        Assert.Equal("page_token", await WrongFieldAsync(new Paging("list", new { Of = "two" }), new PageRequest(3, token)));
        Assert.Equal(4, (await ReadAsync(new Paging("list", new { Of = "one" }), new PageRequest(3, token))).Value!.Rows[0]);
    }

    private static async Task<string> WrongFieldAsync(Paging list, PageRequest page) =>
        Assert.Single((await ReadAsync(list, page)).Failure!.Fields).Field;

    private static Task<Result<Page<long>>> ReadAsync(Paging list, PageRequest page) => list.ReadAsync(
        page,
        static (long? after, int limit) => Task.FromResult<IReadOnlyList<long>>(
            [.. Enumerable.Range(1, 10).Select(number => (long)number).Where(number => number > (after ?? 0)).Take(limit)]),
        static row => $"{row}",
        Paging.Number);
}
