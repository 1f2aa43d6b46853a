using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OrleansGateway.Ledger.Postgres;

namespace OrleansGateway.Operations;

/// <summary>Which page of a list is asked for.</summary>
/// <param name="Size">1 to <see cref="LedgerQueries.MaxPage"/> rows; 0 takes 100.</param>
/// <param name="Token">The next token of the page before; empty for the first page.</param>
public sealed record PageRequest(int Size = 0, string Token = "");

/// <summary>A page of a list.</summary>
/// <param name="NextToken">Asks for the next page; empty after the last one.</param>
public sealed record Page<T>(IReadOnlyList<T> Rows, string NextToken);

/// <summary>
/// Reads and writes page tokens: where the page before ended, with a digest of the list and its filter, so that a token is good for
/// nothing else.
/// </summary>
internal sealed class Paging
{
    private const int SizeDefault = 100;
    private const int DigestLength = 12;

    private readonly byte[] _digest;

    /// <param name="list">The list's name.</param>
    /// <param name="filter">What else the token shall be bound to.</param>
    public Paging(string list, object filter)
    {
        var of = $"{list}\n{JsonSerializer.Serialize(filter, OperationJson.Options)}";
        _digest = SHA256.HashData(Encoding.UTF8.GetBytes(of))[..DigestLength];
    }

    /// <summary>Reads a page of rows, each of which has a cursor that is none other's.</summary>
    /// <param name="read">Gives at most so many rows after a cursor; null is the beginning.</param>
    /// <param name="cursorOf">Where a row stands.</param>
    /// <param name="parse">Reads a cursor; null where the text is none.</param>
    public async Task<Result<Page<TRow>>> ReadAsync<TRow, TCursor>(
        PageRequest page, Func<TCursor?, int, Task<IReadOnlyList<TRow>>> read, Func<TRow, string> cursorOf, Func<string, TCursor?> parse)
    {
        if (page.Size is < 0 or > LedgerQueries.MaxPage)
        {
            return Failure.Invalid("page_size", $"It must be from 1 to {LedgerQueries.MaxPage}, or 0 for {SizeDefault}.");
        }

        var cursor = default(TCursor);
        if (page.Token.Length > 0 && (Cursor(page.Token) is not { } text || (cursor = parse(text)) is null))
        {
            return Failure.Invalid("page_token", "It is not a token of this list with this filter.");
        }

        var size = page.Size == 0 ? SizeDefault : page.Size;
        var rows = await read(cursor, size);
        return new Page<TRow>(rows, rows.Count < size ? "" : Token(cursorOf(rows[^1])));
    }

    public static string? Text(string cursor) => cursor;

    public static long? Number(string cursor) =>
        long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private string Token(string cursor) => Base64Url.EncodeToString([.. _digest, .. Encoding.UTF8.GetBytes(cursor)]);

    private string? Cursor(string token)
    {
        var bytes = new byte[token.Length];
        return Base64Url.IsValid(token)
            && Base64Url.TryDecodeFromChars(token, bytes, out var length)
            && length > DigestLength
            && bytes.AsSpan(0, DigestLength).SequenceEqual(_digest)
                ? Encoding.UTF8.GetString(bytes.AsSpan(DigestLength, length - DigestLength))
                : null;
    }
}
