using Npgsql;
using NpgsqlTypes;

namespace OrleansGateway.Ledger.Postgres;

/// <summary>Rows that a statement takes as one array a column: a CTE over <c>unnest</c>, whose rows count from 1 in <c>n</c>.</summary>
/// <param name="name">The CTE's name.</param>
/// <param name="columns">What is sent of each row.</param>
internal sealed class RowSet<TRow>(string name, params Column<TRow>[] columns)
{
    /// <summary>The CTE's text; its parameters are the next ones.</summary>
    public string Sql(ref int parameters)
    {
        var first = parameters;
        parameters += columns.Length;
        var arrays = columns.Select((column, i) => $"${first + i + 1}::{column.SqlType}[]");
        return $"{name} AS (SELECT * FROM unnest({string.Join(", ", arrays)}) WITH ORDINALITY AS t({string.Join(", ", Names)}, ordinal))";
    }

    /// <summary>The columns' names.</summary>
    public IEnumerable<string> Names => columns.Select(column => column.Name);

    /// <summary>The values of all columns but <c>n</c> from a row of the CTE, and the columns that take them.</summary>
    public (string Columns, string Values) Inserted()
    {
        var inserted = columns.Where(column => column.Name != "n").ToList();
        return (string.Join(", ", inserted.Select(column => column.Name)), string.Join(", ", inserted.Select(column => column.SqlValueOf(name))));
    }

    /// <summary>Adds the CTE's parameters.</summary>
    public void Bind(NpgsqlParameterCollection parameters, TRow[] rows)
    {
        foreach (var column in columns)
        {
            parameters.Add(column.Bind(rows));
        }
    }
}

/// <summary>One column of a <see cref="RowSet{TRow}"/>.</summary>
internal abstract class Column<TRow>(string name, string sqlType)
{
    public string Name => name;
    public string SqlType => sqlType;

    public abstract NpgsqlParameter Bind(TRow[] rows);

    /// <summary>Its value in a row of a CTE.</summary>
    public virtual string SqlValueOf(string row) => $"{row}.{name}";

    public static Column<TRow> Bigint(string name, Func<TRow, long> field) =>
        new Column<TRow, long>(name, "bigint", field);

    /// <summary>A number that mostly is 0 in all rows, and then is not sent.</summary>
    public static Column<TRow> Count(string name, Func<TRow, long> field) => new CountColumn<TRow>(name, field);

    public static Column<TRow> OptionalBigint(string name, Func<TRow, long?> field) =>
        new Column<TRow, long?>(name, "bigint", field);

    public static Column<TRow> Text(string name, Func<TRow, string?> field) =>
        new Column<TRow, string?>(name, "text", field);

    public static Column<TRow> Bytes(string name, Func<TRow, byte[]> field) =>
        new Column<TRow, byte[]>(name, "bytea", field);

    public static Column<TRow> Boolean(string name, Func<TRow, bool> field) =>
        new Column<TRow, bool>(name, "boolean", field);

    public static Column<TRow> Date(string name, Func<TRow, DateOnly> field) =>
        new Column<TRow, DateOnly>(name, "date", field);

    public static Column<TRow> Time(string name, Func<TRow, DateTimeOffset> field) =>
        new Column<TRow, DateTime>(name, "timestamptz", row => field(row).UtcDateTime, NpgsqlDbType.TimestampTz);

    public static Column<TRow> OptionalTime(string name, Func<TRow, DateTimeOffset?> field) =>
        new Column<TRow, DateTime?>(name, "timestamptz", row => field(row)?.UtcDateTime, NpgsqlDbType.TimestampTz);
}

/// <param name="type">Where values of <typeparamref name="T"/> do not tell it: naming it costs a string a parameter.</param>
internal class Column<TRow, T>(string name, string sqlType, Func<TRow, T> field, NpgsqlDbType? type = null)
    : Column<TRow>(name, sqlType)
{
    public override NpgsqlParameter Bind(TRow[] rows)
    {
        var parameter = new NpgsqlParameter<T[]> { TypedValue = Values(rows) };
        if (type is { } named)
        {
            parameter.NpgsqlDbType = NpgsqlDbType.Array | named;
        }

        return parameter;
    }

    protected virtual T[] Values(TRow[] rows)
    {
        var values = new T[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            values[i] = ValueOf(rows[i]);
        }

        return values;
    }

    protected T ValueOf(TRow row) => field(row);
}

/// <summary><c>unnest</c> fills an array that is shorter than others with nulls.</summary>
internal sealed class CountColumn<TRow>(string name, Func<TRow, long> field)
    : Column<TRow, long>(name, "bigint", field)
{
    public override string SqlValueOf(string row) => $"coalesce({base.SqlValueOf(row)}, 0)";

    protected override long[] Values(TRow[] rows)
    {
        foreach (var row in rows)
        {
            if (ValueOf(row) != 0)
            {
                return base.Values(rows);
            }
        }

        return [];
    }
}

/// <summary>A row that belongs to one batch of a flight.</summary>
/// <param name="N">The batch's place, from 1.</param>
internal readonly record struct Part<T>(int N, T Row);
