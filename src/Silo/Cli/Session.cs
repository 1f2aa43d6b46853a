using Grpc.Core;
using OrleansGateway.Operator.Contracts;

namespace OrleansGateway.Silo.Cli;

/// <summary>What a verb is carried out with.</summary>
internal sealed class Session(Connection connection, Output output, string requestId, CancellationToken cancellationToken)
{
    private const int PageMax = 1000;
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(60);

    public AccountService.AccountServiceClient Accounts { get; } = new(connection.Calls);

    public KeyService.KeyServiceClient Keys { get; } = new(connection.Calls);

    public CatalogService.CatalogServiceClient Catalog { get; } = new(connection.Calls);

    public ReportService.ReportServiceClient Reports { get; } = new(connection.Calls);

    public AnnouncementService.AnnouncementServiceClient Announcements { get; } = new(connection.Calls);

    public Output Output => output;

    /// <summary>Names this change.</summary>
    public string RequestId => requestId;

    /// <summary>For calls whose answer comes soon or not at all.</summary>
    public CallOptions Soon => new(deadline: TimeProvider.System.GetUtcNow().UtcDateTime + AnswerMax, cancellationToken: cancellationToken);

    /// <summary>For calls that take as long as there is to read.</summary>
    public CallOptions Long => new(cancellationToken: cancellationToken);

    /// <summary>Writes a list, page by page.</summary>
    /// <param name="limit">At most so many rows; null for all.</param>
    /// <param name="read">Reads a page of a size from a token on.</param>
    public Task WritePagesAsync<TRow>(
        int? limit, Func<int, string, Task<(IReadOnlyCollection<TRow> Rows, string NextToken)>> read, Func<TRow, Field[]> show)
    {
        return output.WriteAsync(ReadAsync(), show, cancellationToken);

        async IAsyncEnumerable<TRow> ReadAsync()
        {
            var left = limit ?? int.MaxValue;
            var token = "";
            do
            {
                var (rows, next) = await read(Math.Min(left, PageMax), token);
                foreach (var row in rows)
                {
                    yield return row;
                }

                left -= rows.Count;
                token = next;
            }
            while (left > 0 && token.Length > 0);
        }
    }

    /// <summary>Writes a stream as it comes.</summary>
    public async Task WriteStreamAsync<TRow>(AsyncServerStreamingCall<TRow> call, Func<TRow, Field[]> show)
    {
        using (call)
        {
            await output.WriteAsync(call.ResponseStream.ReadAllAsync(cancellationToken), show, cancellationToken);
        }
    }
}
