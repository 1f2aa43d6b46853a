namespace Orleans.Runtime;

/// <summary>Identifies a grain: the type and the key.</summary>
/// <param name="Type">Of the grain's class; see <see cref="GrainTypeAttribute"/>.</param>
/// <param name="Key">The key that the grain was got with.</param>
public readonly record struct GrainId(GrainType Type, IdSpan Key)
{
    /// <summary>Makes the id of a grain.</summary>
    /// <exception cref="ArgumentException">The type or the key is empty or only white space.</exception>
    public static GrainId Create(string type, string key) => Create(GrainType.Create(type), key);

    /// <inheritdoc cref="Create(string,string)"/>
    public static GrainId Create(GrainType type, string key)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        return new(type, IdSpan.Create(key));
    }

    /// <summary>The type, a slash, and the key.</summary>
    public override string ToString() => $"{Type}/{Key}";
}

/// <summary>The name of a kind of grains.</summary>
/// <param name="Value">The name.</param>
public readonly record struct GrainType(IdSpan Value)
{
    /// <summary>Makes the type of that name.</summary>
    /// <exception cref="ArgumentException">The name is empty or only white space.</exception>
    public static GrainType Create(string value)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(value);
        return new(IdSpan.Create(value));
    }

    /// <summary>The name.</summary>
    public override string ToString() => Value.ToString();
}

/// <summary>A part of an identity.</summary>
public readonly record struct IdSpan
{
    private readonly string? _text;

    private IdSpan(string text) => _text = text;

    /// <summary>Makes it of a text.</summary>
    public static IdSpan Create(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        return new(id);
    }

    /// <summary>The text.</summary>
    public override string ToString() => _text ?? "";
}
